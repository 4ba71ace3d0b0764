"""Owns the images of a Docker Engine, as an ImageKeeper. Counterpart: moby/image/store.go."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from swarmkit_py import errors
from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.runtime.base import Image, Pulled
from swarmkit_py.runtime.docker.client import DockerClient
from swarmkit_py.runtime.docker.holder import HOLDER_IMAGE
from swarmkit_py.runtime.reference import parse_reference

_ITS_OWN = "the images of this node are those of the Docker Engine behind it: use that engine's own docker command"


class DockerImages:
    """Reads, pulls and tags; the engine's own commands do the rest, as its images are not this node's alone."""

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

    async def pull(self, ref: str) -> Pulled:
        """What the engine can get. Raises errors.NotFound."""
        known = {image.id for image in self.all()}
        reference = parse_reference(ref)
        await self._client.call("pull", reference.name, reference.digest or reference.tag)
        image = self.resolve(ref)
        return Pulled(image=image, new=image.id not in known)

    def tag(self, ref: str, name: str) -> None:
        """Raises errors.NotFound, errors.InvalidArgument."""
        reference = parse_reference(name)
        self._client.call_now("tag", ref, reference.name, reference.tag)

    def spool(self) -> Path:
        raise errors.Unimplemented(_ITS_OWN)

    async def load(self, archive: Path) -> list[str]:
        raise errors.Unimplemented(_ITS_OWN)

    async def save(self, refs: list[str], target: Path) -> None:
        raise errors.Unimplemented(_ITS_OWN)

    async def import_root(self, archive: Path, tag: str, config: dict[str, Any], comment: str) -> Image:
        raise errors.Unimplemented(_ITS_OWN)

    def untag(self, name: str) -> bool:
        raise errors.Unimplemented(_ITS_OWN)

    def delete(self, image_id: str, in_use: set[str]) -> int:
        raise errors.Unimplemented(_ITS_OWN)


def _image(told: dict[str, Any]) -> Image:
    config = {key: value for key, value in (told.get("Config") or {}).items() if value}
    digests = told.get("RepoDigests") or [""]
    return Image(
        id=told["Id"], tags=list(told.get("RepoTags") or ()), digest=digests[0].partition("@")[2],
        created=_time(told.get("Created") or ""), size=told["Size"], architecture=told["Architecture"], os=told["Os"],
        digests=[digest for digest in digests if digest],
        diff_ids=list((told.get("RootFS") or {}).get("Layers") or ()),
        config=config, labels=dict(config.get("Labels") or {}),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        return ZERO_TIME
