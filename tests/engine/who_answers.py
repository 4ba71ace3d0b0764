"""Who answers whom: `who_answers.py PIDS WIDTH ADDRESS…` on a host prints JSON, pid → what each address said.

From the network namespace of each process (0: the host's own), one HTTP request to each address, WIDTH at once. What
an address said: the container's id on its page, or the name of the error. An address may be there many times.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import multiprocessing
import re
import sys
from pathlib import Path

PATIENCE = 5.0
CLONE_NEWNET = 0x40000000
CONTAINER = re.compile(rb"\b[0-9a-f]{12}\b")


async def ask(address: str, turn: asyncio.Semaphore) -> str:
    async with turn:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(address, 80), PATIENCE)
            try:
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                body = await asyncio.wait_for(reader.read(), PATIENCE)
            finally:
                writer.close()
        except (OSError, asyncio.TimeoutError) as error:
            return type(error).__name__
    found = CONTAINER.search(body)
    return found.group().decode() if found else "a page without an id"


async def ask_all(addresses: list[str], width: int) -> list[str]:
    turn = asyncio.Semaphore(width)
    return list(await asyncio.gather(*(ask(address, turn) for address in addresses)))


def from_inside(pid: int, width: int, addresses: list[str]) -> list[str]:
    """In a process of its own, which never leaves that namespace."""
    if pid:
        with Path(f"/proc/{pid}/ns/net").open("rb") as place:
            if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter {place.name}")
    return asyncio.run(ask_all(addresses, width))


if __name__ == "__main__":
    pids = [int(word) for word in sys.argv[1].split(",")]
    with multiprocessing.get_context("fork").Pool(len(pids), maxtasksperchild=1) as pool:
        said = pool.starmap(from_inside, [(pid, int(sys.argv[2]), sys.argv[3:]) for pid in pids], chunksize=1)
    print(json.dumps(dict(zip(map(str, pids), said, strict=True))))
