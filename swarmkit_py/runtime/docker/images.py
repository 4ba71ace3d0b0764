"""Owns the images of a Docker Engine, as an ImageStore. Counterpart: moby/image/store.go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from swarmkit_py import errors
from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.runtime.base import Image
from swarmkit_py.runtime.docker.client import DockerClient
from swarmkit_py.runtime.docker.holder import HOLDER_IMAGE
from swarmkit_py.runtime.reference import parse_reference


class DockerImages:
    """Reads only; the engine's own commands change its images."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def all(self) -> list[Image]:
        """Raises errors.Unavailable if the engine does not answer."""
        listed = self._client.call_now("images")
        ids = [entry["Id"] for entry in listed if HOLDER_IMAGE not in (entry["RepoTags"] or ())]
        return [_image(self._client.call_now("inspect_image", id_)) for id_ in ids]

    def resolve(self, ref: str) -> Image:
        """By reference or id (prefix). Raises errors.NotFound."""
        try:
            return _image(self._client.call_now("inspect_image", ref))
        except errors.NotFound:
            raise errors.NotFound(f"No such image: {parse_reference(ref).familiar}") from None


def _image(told: dict[str, Any]) -> Image:
    config = {key: value for key, value in (told.get("Config") or {}).items() if value}
    digests = told.get("RepoDigests") or [""]
    return Image(
        id=told["Id"], tags=list(told.get("RepoTags") or ()), digest=digests[0].partition("@")[2],
        created=_time(told.get("Created") or ""), size=told["Size"], architecture=told["Architecture"], os=told["Os"],
        config=config, labels=dict(config.get("Labels") or {}),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        return ZERO_TIME
