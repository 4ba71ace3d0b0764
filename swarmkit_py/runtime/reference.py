"""Owns how an image reference is read and shown. Knows no image and no disk.

Counterpart: github.com/docker/distribution/reference (normalize.go, regexp.go).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from swarmkit_py import errors

DEFAULT_DOMAIN = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-f]{32,}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """A full reference; `tag` is "" only where a digest stands without one."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """`docker.io/library/nginx`"""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """`nginx`: without what Docker adds."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        return self.path[len("library/"):] if re.fullmatch(r"library/[^/]+", self.path) else self.path

    @property
    def familiar(self) -> str:
        """`nginx:1.18`, `nginx@sha256:…`, as Docker shows it to people."""
        return f"{self.familiar_name}{self._suffix}"

    @property
    def canonical(self) -> str:
        """`docker.io/library/nginx:1.18`"""
        return f"{self.name}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """Normalise `text` as `docker run` would. Raises errors.InvalidArgument with Docker's words."""
    if _HEX64.fullmatch(text):
        raise errors.InvalidArgument(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    rest, at, digest = text.partition("@")
    domain, remainder = _split_domain(rest)
    path, colon, tag = remainder.partition(":")
    if path != path.lower():
        raise errors.InvalidArgument("invalid reference format: repository name must be lowercase")
    valid = (
        _PATH.fullmatch(path) and _DOMAIN.fullmatch(domain) and len(domain) + len(path) < 255
        and (not colon or _TAG.fullmatch(tag)) and (not at or _DIGEST.fullmatch(digest))
    )
    if not valid:
        raise errors.InvalidArgument("invalid reference format")
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    return Reference(domain, path, tag or ("" if digest else "latest"), digest)


def _split_domain(text: str) -> tuple[str, str]:
    """The registry and the rest. A first part without dot or port is a user of Docker Hub, but `localhost`."""
    first, slash, rest = text.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first.lower() != first):
        return DEFAULT_DOMAIN, text
    return (DEFAULT_DOMAIN if first == "index.docker.io" else first), rest
