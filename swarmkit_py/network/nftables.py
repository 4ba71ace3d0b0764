"""Owns how nftables' own language is run: in this process by libnftables, the library that the nft command is made
of, or by that command where the library cannot be loaded. Must not know what is said.

In this process because starting nft takes 3 to 15 ms where the transaction itself takes 0.3, and every sandbox has a
table. Both work on the namespace of the thread that calls. Counterpart: moby/libnetwork/internal/nftables, which does
the same (the library where built with cgo, else the command).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from typing import NamedTuple

from swarmkit_py import errors

TIMEOUT = 30.0
_JSON = 1 << 4


class Outcome(NamedTuple):
    """`error` is nft's own text, "" if all went well."""

    output: str
    error: str


def run(text: str, *, as_json: bool = False) -> Outcome:
    """One transaction. Raises errors.FailedPrecondition without nft, errors.Internal if it could not be run."""
    return _in_process(text, as_json) if _library else _by_command(text, as_json)


def check() -> None:
    """Raises errors.FailedPrecondition, with what to install, if there is no nftables here."""
    if _library is None:
        nft_command()


def nft_command() -> str:
    """The full path of nft. Raises errors.FailedPrecondition with what to install."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which("nft", path=path)
    if found is None:
        raise errors.FailedPrecondition("the nft command is missing: install the package nftables")
    return found


def _load() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libnftables.so.1")
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
            getattr(library, name).restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return library


_library = _load()


def _in_process(text: str, as_json: bool) -> Outcome:
    assert _library is not None
    context = _library.nft_ctx_new(0)
    try:
        _library.nft_ctx_buffer_output(context)
        _library.nft_ctx_buffer_error(context)
        if as_json:
            _library.nft_ctx_output_set_flags(context, _JSON)
        failed = _library.nft_run_cmd_from_buffer(context, text.encode())
        output = (_library.nft_ctx_get_output_buffer(context) or b"").decode(errors="replace")
        error = (_library.nft_ctx_get_error_buffer(context) or b"").decode(errors="replace")
    finally:
        _library.nft_ctx_free(context)
    return Outcome(output, (error or "no reason given") if failed else "")


def _by_command(text: str, as_json: bool) -> Outcome:
    command = [nft_command(), *(["-j"] if as_json else []), "-f", "-"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.Internal(f"nft could not be run: {error}") from error
    return Outcome(done.stdout, (done.stderr or "no reason given") if done.returncode else "")
