"""A steady stream of HTTP requests, each over a connection of its own: `steady.py RATE ADDRESS…` until stdin ends.

Prints `flowing` once a second's worth was asked; another one follows the end of stdin. Then one JSON object: how many
were asked, and each that got no whole answer: when, of whom, and how it failed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time

PATIENCE = 5.0
Failure = tuple[float, str, str]


async def ask(address: str) -> None:
    """One request. Raises OSError, or TimeoutError, ValueError for less than a whole answer."""
    reader, writer = await asyncio.wait_for(asyncio.open_connection(address, 80), PATIENCE)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(
            b"content-length:")), None)
        if not head.startswith(b"HTTP/1.1 200 ") or length != len(body):
            raise ValueError(f"{len(answer)} bytes: {head[:40]!r}")
    finally:
        writer.close()


async def counted(address: str, failures: list[Failure]) -> None:
    try:
        await ask(address)
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        failures.append((time.time(), address, f"{type(error).__name__}: {error}"))


async def main(rate: float, addresses: list[str]) -> None:
    failures: list[Failure] = []
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
        asking = asyncio.ensure_future(counted(address, failures))
        asked.add(asking)
        asking.add_done_callback(asked.discard)
        count += 1
        await asyncio.sleep(max(0.0, begin + count / rate - time.monotonic()))
    await asyncio.gather(*asked)
    print(json.dumps({"asked": count, "seconds": time.monotonic() - begin, "failures": failures}))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
