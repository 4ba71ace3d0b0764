"""Owns the images of a Docker Engine, as an ImageKeeper. Counterpart: moby/image/store.go."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from swarmkit_py import errors
from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.runtime.base import Image, Pulled
from swarmkit_py.runtime.docker.client import DockerClient
from swarmkit_py.runtime.docker.holder import HOLDER_IMAGE
from swarmkit_py.runtime.reference import parse_reference


class DockerImages:
    """Every change is the engine's own. `spool_dir` is for archives on their way."""

    def __init__(self, client: DockerClient, spool_dir: Path) -> None:
        self._client, self._spool_dir = client, spool_dir

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

    def spool(self) -> Path:
        """See ImageKeeper."""
        self._spool_dir.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._spool_dir)
        os.close(handle)
        return Path(name)

    async def load(self, archive: Path) -> list[str]:
        """See ImageKeeper."""
        def work() -> list[str]:
            with archive.open("rb") as file:
                lines = [str(line.get("stream", "")) for line in self._client.api.load_image(file)]
            return [line.split(": ", 1)[1].strip() for line in lines if line.startswith("Loaded image")]

        return await self._client.run(work)

    async def save(self, refs: list[str], target: Path) -> None:
        """See ImageKeeper."""
        def work() -> None:
            with target.open("wb") as file:
                answer = self._client.api.get(
                    f"{self._client.api.base_url}/v{self._client.api.api_version}/images/get",
                    params={"names": refs}, stream=True)
                self._client.api._raise_for_status(answer)
                for piece in answer.iter_content(1 << 20):
                    file.write(piece)

        await self._client.run(work)

    async def import_root(self, archive: Path, tag: str, config: dict[str, Any], comment: str) -> Image:
        """See ImageKeeper. What `config` says goes to the engine as Dockerfile instructions."""
        repository, _, name = parse_reference(tag).familiar.rpartition(":") if tag else ("", "", "")
        changes = [change for key, value in config.items() for change in _instructions(key, value)]

        def work() -> str:
            said = self._client.api.import_image_from_file(
                str(archive), repository=repository or None, tag=name or None, changes=changes)
            return str(json.loads(said.strip().splitlines()[-1])["status"])

        return self.resolve(await self._client.run(work))

    async def pull(self, ref: str) -> Pulled:
        """See ImageKeeper."""
        known = {image.id for image in self.all()}
        await self._client.call("pull", ref)
        image = self.resolve(ref)
        return Pulled(image=image, new=image.id not in known)

    def tag(self, ref: str, name: str) -> None:
        """See ImageKeeper."""
        repository, _, tag = parse_reference(name).familiar.rpartition(":")
        self._client.call_now("tag", ref, repository, tag)

    def untag(self, name: str) -> bool:
        """See ImageKeeper."""
        try:
            self._client.call_now("remove_image", name, noprune=True)
        except errors.NotFound:
            return False
        return True

    def delete(self, image_id: str, in_use: set[str]) -> int:
        """See ImageKeeper."""
        size = self.resolve(image_id).size
        self._client.call_now("remove_image", image_id, force=image_id not in in_use)
        return size


def _instructions(key: str, value: Any) -> list[str]:
    """What `docker import --change` takes for one field of an image's config."""
    if key == "Env":
        return [f"ENV {name} {text}" for name, _, text in (item.partition("=") for item in value)]
    if key in ("Cmd", "Entrypoint"):
        return [f"{key.upper()} {json.dumps(value)}"]
    if key == "Labels":
        return [f"LABEL {json.dumps(name)}={json.dumps(text)}" for name, text in value.items()]
    plain = {"User": "USER", "WorkingDir": "WORKDIR"}
    return [f"{plain[key]} {value}"] if key in plain else []


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
