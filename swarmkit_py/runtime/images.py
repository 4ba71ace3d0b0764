"""Owns the images of this machine as they lie on disk, read-only. Knows nothing of who made them.

A store is a directory in the OCI image layout, but with layers already unpacked, because containers use them in
place as overlayfs lower layers and an ordinary user could not unpack them again with the right owners:

    oci-layout                 {"imageLayoutVersion": "1.0.0"}
    index.json                 one descriptor per tag; annotation org.opencontainers.image.ref.name is the full tag
    blobs/sha256/<hex>         manifests and configs, as in OCI
    rootfs/<hex>/              a layer as a directory; <hex> is its digest in the manifest, taken over the sorted
                               listing of the tree (names, kinds, modes, contents), not over a tar file

Counterpart: moby/image/store.go and the image-spec's image-layout.md.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.runtime.base import Image
from swarmkit_py.runtime.reference import Reference, parse_reference

REF_NAME = "org.opencontainers.image.ref.name"
MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_ROOTFS = "application/vnd.swarm-lab-kit.unpacked-layer.v1"


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """OCI's pointer to a blob (or to an unpacked layer, with the size of its files in bytes)."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """OCI's image manifest; `layers` bottom first."""

    config: Descriptor
    layers: list[Descriptor]
    schema_version: int = 2
    media_type: str = MEDIA_MANIFEST


class Index(msgspec.Struct, frozen=True, rename="camel"):
    """OCI's index.json."""

    manifests: list[Descriptor]
    schema_version: int = 2
    media_type: str = MEDIA_INDEX


class ImageConfig(msgspec.Struct, frozen=True):
    """OCI's image config; `config` keeps Docker's spelling (`Env`, `Cmd`, …)."""

    architecture: str = "amd64"
    os: str = "linux"
    created: datetime = ZERO_TIME
    config: dict[str, Any] = {}
    rootfs: dict[str, Any] = {}


def escape_layer(path: str) -> str:
    """A directory's path as one of overlayfs's colon-separated lower layers."""
    return path.replace("\\", "\\\\").replace(":", "\\:")


class LayoutImageStore:
    """ImageStore over one such directory. `Image.rootfs` is the lowerdir option of overlayfs: the layers' absolute
    paths, top first, joined by `:`, colons inside a path escaped with a backslash."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._stamp: tuple[int, int] | None = None
        self._images: dict[str, Image] = {}

    def all(self) -> list[Image]:
        """All images, by their first tag. Raises errors.Internal for a store that cannot be read."""
        self._refresh()
        return sorted(self._images.values(), key=lambda image: image.tags)

    def resolve(self, ref: str) -> Image:
        """By reference, digest, or (a prefix of) the id. Raises errors.NotFound, errors.InvalidArgument."""
        self._refresh()
        found = self._by_id(ref, full=True)
        if found:
            return found
        reference = parse_reference(ref)
        found = self._by_reference(reference) or self._by_id(ref, full=False)
        if not found:
            raise errors.NotFound(f"No such image: {reference.familiar}")
        return found

    def _by_reference(self, reference: Reference) -> Image | None:
        for image in self._images.values():
            tags = [parse_reference(tag) for tag in image.tags]
            if reference.digest:
                if reference.digest in (image.digest, image.id) and any(tag.name == reference.name for tag in tags):
                    return image
            elif any(tag.canonical == reference.canonical for tag in tags):
                return image
        return None

    def _by_id(self, ref: str, *, full: bool) -> Image | None:
        prefix = ref if ref.startswith("sha256:") else f"sha256:{ref}"
        found = [
            image for id_, image in self._images.items() if id_ == prefix or (not full and id_.startswith(prefix))
        ]
        return found[0] if len(found) == 1 else None

    def _refresh(self) -> None:
        """Read the index again if somebody replaced it."""
        index = self.root / "index.json"
        try:
            status = index.stat()
        except FileNotFoundError:
            self._images, self._stamp = {}, None
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._images, self._stamp = self._load(index), stamp

    def _load(self, index: Path) -> dict[str, Image]:
        images: dict[str, Image] = {}
        try:
            for descriptor in msgspec.json.decode(index.read_bytes(), type=Index).manifests:
                image = self._image(descriptor)
                known = images.get(image.id)
                images[image.id] = msgspec.structs.replace(image, tags=known.tags + image.tags) if known else image
        except (OSError, msgspec.MsgspecError) as error:
            text = f"the image store {self.root} is damaged ({error}); build the images again"
            raise errors.Internal(text) from error
        return images

    def _image(self, descriptor: Descriptor) -> Image:
        manifest = msgspec.json.decode(self._blob(descriptor), type=Manifest)
        config = msgspec.json.decode(self._blob(manifest.config), type=ImageConfig)
        layers = [str(self.root / "rootfs" / layer.digest.partition(":")[2]) for layer in reversed(manifest.layers)]
        tag = descriptor.annotations.get(REF_NAME, "")
        return Image(
            id=manifest.config.digest,
            tags=[parse_reference(tag).familiar] if tag else [],
            digest=descriptor.digest,
            created=config.created,
            size=sum(layer.size for layer in manifest.layers),
            architecture=config.architecture,
            os=config.os,
            config=config.config,
            labels=config.config.get("Labels") or {},
            rootfs=":".join(escape_layer(layer) for layer in layers),
        )

    def _blob(self, descriptor: Descriptor) -> bytes:
        algorithm, _, name = descriptor.digest.partition(":")
        return (self.root / "blobs" / algorithm / name).read_bytes()
