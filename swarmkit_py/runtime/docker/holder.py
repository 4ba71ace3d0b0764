"""Owns the smallest container there is: it does nothing, and so keeps a network namespace open.

A Docker Engine makes a container's namespace at the moment it starts its program; wired only then, the program would
begin without a network. So this one starts first, is wired, and the real container joins its namespace (as the pause
container of a Kubernetes pod). Its program is written here byte by byte: no compiler, no download, no image.
Counterpart: none in Swarm; kubernetes/build/pause.
"""

from __future__ import annotations

import io
import platform
import struct
import tarfile

from swarmkit_py import errors

HOLDER_IMAGE = "swarm-lab-kit/hold:1"
_PROGRAM = {
    # mov eax, 34 (pause); syscall; jmp back
    "x86_64": (62, bytes.fromhex("b8220000000f05ebf7")),
    # mov x0..x4, #0; mov x8, #73 (ppoll); svc #0; b back
    "aarch64": (183, struct.pack("<8I", 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800004, 0xD2800928,
                                 0xD4000001, 0x17FFFFF9)),
}
_BASE = 0x400000
_HEADERS = 64 + 56
"""Bytes of an ELF header and of one program header."""


def program(machine: str = "") -> bytes:
    """An ELF executable that waits until it is killed. Raises Unimplemented for a processor it is not written for."""
    machine = machine or platform.machine()
    found = _PROGRAM.get(machine)
    if found is None:
        raise errors.Unimplemented(f"--runtime docker is not there for processors of kind {machine}")
    number, code = found
    size = _HEADERS + len(code)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01" + bytes(9), 2, number, 1, _BASE + _HEADERS, 64,
                         0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code


def image_tar() -> bytes:
    """The image's root file system: the program as /hold."""
    code, whole = program(), io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        entry = tarfile.TarInfo("hold")
        entry.size, entry.mode = len(code), 0o755
        tar.addfile(entry, io.BytesIO(code))
    return whole.getvalue()
