"""Owns the images of one node: the kit's, which all hosts of a machine share read-only, and what was added or taken
away here alone. Nothing of it is written outside the node's data root.

    data_root/images/            an image store as in runtime.images, whose manifests may point into the shared one
    data_root/images/hidden.json full tags of the shared store that were removed on this node

The shared store stands for the registry: a tag removed here comes back with a pull, as from Docker Hub.
Counterpart: moby/daemon/images, moby/image/store.go, moby/reference/store.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.runtime import puller
from swarmkit_py.runtime.archive import Blobs, Taken, read_archive, unpack_image, write_archive
from swarmkit_py.runtime.base import Image, Pulled
from swarmkit_py.runtime.images import (
    MEDIA_CONFIG,
    MEDIA_LAYER,
    ORIGIN,
    REF_NAME,
    Descriptor,
    Entry,
    ImageConfig,
    Index,
    LayoutImageStore,
    Manifest,
    find_image,
    grouped,
    hex_of,
)
from swarmkit_py.runtime.reference import Reference, parse_reference


class NodeImages:
    """ImageKeeper over the shared store and the node's own directory."""

    def __init__(self, shared: Path, own: Path, clock: Clock, architecture: str = "amd64") -> None:
        self._shared = LayoutImageStore(shared)
        self._own = LayoutImageStore(own, lower=shared)
        self._clock, self._architecture = clock, architecture
        self._busy = asyncio.Lock()
        self._hidden = _read_hidden(own / "hidden.json")
        shutil.rmtree(own / "tmp", ignore_errors=True)

    def all(self) -> list[Image]:
        """Newest first. Raises errors.Internal for a store that cannot be read."""
        images = grouped(self._entries())
        return sorted(images, key=lambda image: image.created, reverse=True)

    def resolve(self, ref: str) -> Image:
        """See ImageStore."""
        return find_image(self.all(), ref)

    def spool(self) -> Path:
        """See ImageKeeper."""
        self._blobs()
        return self._own.root / "tmp" / uuid.uuid4().hex

    async def load(self, archive: Path) -> list[str]:
        """See ImageKeeper."""
        async with self._busy:
            taken = await asyncio.to_thread(read_archive, archive, self._blobs(), self._shared)
        said: list[str] = []
        for image in taken:
            tags = [parse_reference(tag) for tag in image.tags]
            self._point(image.manifest, tags)
            said.extend(tag.familiar for tag in tags) if tags else said.append(image.image_id)
        return said

    async def save(self, refs: list[str], target: Path) -> None:
        """See ImageKeeper."""
        wanted: dict[str, tuple[Manifest, list[str]]] = {}
        for ref in refs:
            image = self.resolve(ref)
            entry = next(entry for entry in self._entries() if entry.image.id == image.id)
            _, tags = wanted.setdefault(image.id, (self._own.manifest(entry.descriptor), []))
            named = [ref] if not ref.startswith("sha256:") and not image.id.startswith(f"sha256:{ref}") else []
            tags.extend(parse_reference(name).familiar for name in named)
        self._blobs()
        await asyncio.to_thread(
            write_archive, target, list(wanted.values()), self._own, self._own.root / "tmp")

    async def import_root(self, archive: Path, tag: str, config: dict[str, Any], comment: str) -> Image:
        """See ImageKeeper."""
        reference = [parse_reference(tag)] if tag else []
        async with self._busy:
            taken = await asyncio.to_thread(self._import, archive, config, comment)
        self._point(taken.manifest, reference)
        return self.resolve(taken.image_id)

    def _import(self, archive: Path, config: dict[str, Any], comment: str) -> Taken:
        blobs = self._blobs()
        with archive.open("rb") as file:
            layer = blobs.put_stream(file, MEDIA_LAYER)
        now = self._clock.now()
        described = blobs.put(msgspec.json.encode(ImageConfig(
            architecture=self._architecture, created=now, config=config,
            rootfs={"type": "layers", "diff_ids": [layer.digest]}, history=[{"created": now, "comment": comment}],
        )), MEDIA_CONFIG)
        manifest = Manifest(described, [layer])
        unpack_image(manifest, blobs)
        return Taken(blobs.put(msgspec.json.encode(manifest), manifest.media_type), [], described.digest)

    async def pull(self, ref: str) -> Pulled:
        """From the kit's images, else from the registry that the name tells. Raises puller.Offline."""
        reference = parse_reference(ref)
        with contextlib.suppress(errors.NotFound):
            return self._from_the_kit(reference)
        known = {image.id for image in self.all()}
        archive = self.spool()
        try:
            digest = await puller.fetch(reference, archive)
            async with self._busy:
                [taken] = await asyncio.to_thread(read_archive, archive, self._blobs(), self._shared)
        finally:
            archive.unlink(missing_ok=True)
        origin = f"{reference.familiar_name}@{digest}"
        self._point(taken.manifest, [reference] if reference.tag else [], origin)
        return Pulled(image=self.resolve(taken.image_id), new=taken.image_id not in known)

    def _from_the_kit(self, reference: Reference) -> Pulled:
        """Raises errors.NotFound if the kit has it not."""
        image = find_image(self._shared.all(), reference.canonical)
        before = self._tags()
        named = [replace(reference, digest="")] if reference.tag else [parse_reference(tag) for tag in image.tags]
        for tag in named:
            self._write([entry for entry in self._own.entries() if entry.tag != tag],
                        self._hidden - {tag.canonical})
        found = self.resolve(image.id)
        return Pulled(image=found, new=self._tags() != before)

    def _tags(self) -> dict[str, str]:
        return {entry.tag.canonical: entry.image.id for entry in self._entries() if entry.tag is not None}

    def tag(self, ref: str, name: str) -> None:
        """See ImageKeeper."""
        reference = parse_reference(name)
        if reference.digest:
            raise errors.InvalidArgument("refusing to create a tag with a digest reference")
        image = self.resolve(ref)
        if reference.familiar not in image.tags:
            entry = next(entry for entry in self._entries() if entry.image.id == image.id)
            self._point(entry.descriptor, [reference])

    def untag(self, name: str) -> bool:
        """See ImageKeeper. An image that loses its last tag stays, without a name."""
        reference = parse_reference(name)
        entry = next((entry for entry in self._entries() if entry.tag == reference), None)
        if entry is None:
            return False
        self._write(self._without(reference, entry), self._hidden | {reference.canonical})
        return True

    def _without(self, tag: Reference, taken: Entry) -> list[Entry]:
        """The own index without this tag of this image; with the image, nameless, if that was its last."""
        own = [entry for entry in self._own.entries() if entry.tag != tag]
        left = [entry for entry in self._entries() if entry.tag != tag and entry.image.id == taken.image.id]
        return own if left else [*own, Entry(None, taken.image, plain(taken.descriptor))]

    def delete(self, image_id: str, in_use: set[str]) -> int:
        """See ImageKeeper."""
        gone = [entry for entry in self._entries() if entry.image.id == image_id]
        hidden = self._hidden | {entry.tag.canonical for entry in gone if entry.tag is not None}
        self._write([entry for entry in self._own.entries() if entry.image.id != image_id], hidden)
        return self._sweep() if in_use <= {image.id for image in self.all()} else 0

    def _entries(self) -> list[Entry]:
        own = self._own.entries()
        covered = {entry.tag.canonical for entry in own if entry.tag is not None} | self._hidden
        return own + [entry for entry in self._shared.entries()
                      if entry.tag is None or entry.tag.canonical not in covered]

    def _point(self, manifest: Descriptor, tags: Iterable[Reference], origin: str = "") -> None:
        """Let tags name this image from now on; an image that had one of them, and no other, stays without a name."""
        named = list(tags)
        for tag in named:
            self.untag(tag.canonical)
        marks = {ORIGIN: origin}
        new = [msgspec.structs.replace(plain(manifest), annotations={**marks, REF_NAME: tag.canonical})
               for tag in named] or [msgspec.structs.replace(plain(manifest), annotations=marks)]
        kept = [entry for entry in self._own.entries()
                if not (entry.tag is None and entry.descriptor.digest == manifest.digest)]
        self._write_descriptors([*(entry.descriptor for entry in kept), *new], self._hidden)

    def _write(self, entries: list[Entry], hidden: set[str]) -> None:
        self._write_descriptors([entry.descriptor for entry in entries], hidden)

    def _write_descriptors(self, descriptors: list[Descriptor], hidden: set[str]) -> None:
        """Both files, each whole or not at all. Raises errors.Internal."""
        self._blobs()
        try:
            replace_file(self._own.root / "hidden.json", msgspec.json.encode(sorted(hidden)))
            self._hidden = hidden
            replace_file(self._own.root / "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            replace_file(self._own.root / "index.json", msgspec.json.encode(Index(descriptors)))
        except OSError as error:
            raise errors.Internal(f"cannot write below {self._own.root}: {error.strerror or error}") from error

    def _blobs(self) -> Blobs:
        try:
            return Blobs(self._own.root)
        except OSError as error:
            raise errors.Internal(f"cannot write below {self._own.root}: {error.strerror or error}") from error

    def _sweep(self) -> int:
        """Remove the files that no image of this node needs any more; the bytes of what went."""
        needed: set[str] = set()
        for entry in self._own.entries():
            manifest = self._own.manifest(entry.descriptor)
            needed |= {hex_of(part.digest) for part in (entry.descriptor, manifest.config, *manifest.layers)}
        freed = 0
        for file in (self._own.root / "blobs" / "sha256").iterdir():
            if file.name not in needed:
                freed += file.stat().st_size
                file.unlink()
        for folder in (self._own.root / "rootfs").iterdir():
            if folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)
        return freed


def plain(descriptor: Descriptor) -> Descriptor:
    """A descriptor without its tag."""
    return msgspec.structs.replace(descriptor, annotations={ORIGIN: descriptor.annotations.get(ORIGIN, "")})


def _read_hidden(path: Path) -> set[str]:
    try:
        return set(msgspec.json.decode(path.read_bytes(), type=list[str]))
    except (OSError, msgspec.DecodeError):
        return set()


def replace_file(path: Path, data: bytes) -> None:
    """Write `path` so that it is either as before or complete."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    temporary.replace(path)
