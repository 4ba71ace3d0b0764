"""Owns getting an image from a registry, through skopeo. Knows no store.

Emulated hosts have no way out of their network, so mostly this says so, and at once: a task must not wait for a
registry that nobody can reach. Counterpart: moby/distribution/pull.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.rpc.race import cancel
from swarmkit_py.runtime.reference import DEFAULT_DOMAIN, Reference

SECONDS = 600.0
ROUTES = Path("/proc/self/net/route")
_DEFAULT = "00000000"


class Offline(errors.NotFound):
    """There is no way to the registry from here."""


def has_way_out(routes: str) -> bool:
    """Does a table as in /proc/net/route have a default route?"""
    rows = (line.split() for line in routes.splitlines()[1:])
    return any(len(row) > 7 and row[1] == _DEFAULT and row[7] == _DEFAULT for row in rows)


def is_local(domain: str) -> bool:
    """Registries on this machine are spoken to without TLS, as Docker does."""
    host = domain.rpartition(":")[0] or domain
    return host == "localhost" or host.startswith("127.") or host == "[::1]"


async def fetch(reference: Reference, target: Path) -> str:
    """Write the image into `target` as a docker archive; its digest in the registry.

    Raises Offline, errors.NotFound (the registry has it not, or does not give it), errors.Unimplemented."""
    if reference.domain == DEFAULT_DOMAIN and not has_way_out(ROUTES.read_text()):
        raise Offline("this host has no way to a registry: it has no default route")
    program = shutil.which("skopeo")
    if program is None:
        raise errors.Unimplemented("pulling images needs skopeo: install the package skopeo")
    digest_file = target.with_name(target.name + ".digest")
    words = [program, "copy", "--quiet", "--insecure-policy", "--digestfile", str(digest_file),
             *(["--src-tls-verify=false"] if is_local(reference.domain) else []),
             f"docker://{_address(reference)}", f"docker-archive:{target}"]
    target.unlink(missing_ok=True)  # skopeo adds to an archive that is there
    try:
        await _run(words, reference)
        return digest_file.read_text().strip()
    finally:
        digest_file.unlink(missing_ok=True)


def _address(reference: Reference) -> str:
    """skopeo takes a tag or a digest, not both; Docker goes by the digest then too."""
    return f"{reference.name}@{reference.digest}" if reference.digest else reference.canonical


async def _run(words: list[str], reference: Reference) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
    saying = asyncio.ensure_future(process.communicate())
    try:
        _, said = await asyncio.wait_for(asyncio.shield(saying), SECONDS)
    except asyncio.TimeoutError:
        raise errors.Internal(f"pulling {reference.familiar} took longer than {SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await cancel(saying)
    if process.returncode:
        raise errors.NotFound(f"pulling {reference.familiar} failed: {reason(said.decode(errors='replace'))}")


def reason(stderr: str) -> str:
    """The last thing skopeo said, without its log's frame."""
    line = (stderr.strip().splitlines() or ["skopeo gave no reason"])[-1]
    return line.partition('msg="')[2].rstrip('"').replace('\\"', '"') or line
