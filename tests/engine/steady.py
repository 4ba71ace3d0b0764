"""A steady stream of HTTP requests, each over a connection of its own: `steady.py RATE ADDRESS…` until stdin ends.

Prints `flowing` once a second's worth was asked; another one follows the end of stdin. Then one JSON object: how many
were asked, how long the slowest took, and each that got no whole answer: when it began, for how long it was tried, of
whom and from which port, how far it came and how it failed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import sys
import time
from typing import Any

PATIENCE = 5.0
"""Seconds for each step. Two lost SYNs in a row take a client three, a third would take it seven."""
Report = dict[str, Any]


async def ask(address: str, told: Report) -> None:
    """One request. Raises OSError, or TimeoutError, ValueError for less than a whole answer."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as end:
        end.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(end, (address, 80)), PATIENCE)
        finally:
            told["port"] = end.getsockname()[1]
        told["step"] = "answer"
        await loop.sock_sendall(end, f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(read(end), PATIENCE)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(
        b"content-length:")), None)
    if not head.startswith(b"HTTP/1.1 200 ") or length != len(body):
        raise ValueError(f"{len(answer)} bytes: {head[:40]!r}")


async def read(end: socket.socket) -> bytes:
    """All until the other end closes."""
    found = b""
    while part := await asyncio.get_running_loop().sock_recv(end, 1 << 16):
        found += part
    return found


async def counted(address: str, report: Report) -> None:
    told: Report = {"address": address, "at": time.time(), "step": "connect"}
    begin = time.monotonic()
    try:
        await ask(address, told)
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        told |= {"error": f"{type(error).__name__}: {error}", "seconds": round(time.monotonic() - begin, 3)}
        report["failures"].append(told)
    report["slowest"] = max(report["slowest"], time.monotonic() - begin)


async def main(rate: float, addresses: list[str]) -> None:
    report: Report = {"failures": [], "slowest": 0.0}
    asked: set[asyncio.Task[None]] = set()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    begin, count, last = time.monotonic(), 0, 0
    for address in itertools.cycle(addresses):
        if count == int(rate):
            print("flowing", flush=True)
        if ended.done() and not last:
            last = count + int(rate)
        if last and count >= last:
            break
        asking = asyncio.ensure_future(counted(address, report))
        asked.add(asking)
        asking.add_done_callback(asked.discard)
        count += 1
        await asyncio.sleep(max(0.0, begin + count / rate - time.monotonic()))
    await asyncio.gather(*asked)
    print(json.dumps({"asked": count, "seconds": time.monotonic() - begin, **report}))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
