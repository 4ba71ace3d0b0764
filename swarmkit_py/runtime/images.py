"""Owns the images of this machine as they lie on disk, read-only. Knows nothing of who made them.

A store is a directory in the OCI image layout, but with layers already unpacked, because containers use them in
place as overlayfs lower layers and an ordinary user could not unpack them again with the right owners:

    oci-layout                 {"imageLayoutVersion": "1.0.0"}
    index.json                 one descriptor per tag; annotation org.opencontainers.image.ref.name is the full tag
    blobs/sha256/<hex>         manifests and configs, as in OCI
    rootfs/<hex>/              a layer as a directory; <hex> is its digest in the manifest: that of the tar stream
                               that `layers.tar_tree` makes of it

Counterpart: moby/image/store.go and the image-spec's image-layout.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swarmkit_py import errors
from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.runtime.base import Image
from swarmkit_py.runtime.reference import Reference, parse_reference

REF_NAME = "org.opencontainers.image.ref.name"
MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
ORIGIN = "swarm-lab-kit.origin"
"""Annotation: `name@digest` as a registry has the image; empty for one that is in none. The kit's own have none: the
kit's images stand for a registry themselves."""
MEDIA_LAYER = "application/vnd.oci.image.layer.v1.tar"
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
    created: datetime | None = ZERO_TIME
    config: dict[str, Any] | None = {}
    rootfs: dict[str, Any] | None = {}
    history: list[dict[str, Any]] | None = []


def hex_of(digest: str) -> str:
    """`sha256:abc…` → `abc…`"""
    return digest.partition(":")[2]


def escape_layer(path: str) -> str:
    """A directory's path as one of overlayfs's colon-separated lower layers."""
    return path.replace("\\", "\\\\").replace(":", "\\:")


class Entry(NamedTuple):
    """One line of an index: a tag (or none) and its image, which names no tag itself."""

    tag: Reference | None
    image: Image
    descriptor: Descriptor


def grouped(entries: Iterable[Entry]) -> list[Image]:
    """Each image once, with all its tags, by its first tag."""
    images: dict[str, Image] = {}
    for tag, image, _ in entries:
        known = images.get(image.id, image)
        tags = [*known.tags, tag.familiar] if tag is not None else known.tags
        digests = dict.fromkeys([*known.digests, *image.digests])
        images[image.id] = msgspec.structs.replace(
            known, tags=tags, digests=list(digests), digest=known.digest or image.digest)
    return sorted(images.values(), key=lambda image: image.tags)


def find_image(images: Iterable[Image], ref: str) -> Image:
    """By reference, digest, or (a prefix of) the id. Raises errors.NotFound, errors.InvalidArgument."""
    known = list(images)
    found = _by_id(known, ref, full=True)
    if found:
        return found
    reference = parse_reference(ref)
    found = _by_reference(known, reference) or _by_id(known, ref, full=False)
    if not found:
        raise errors.NotFound(f"No such image: {reference.familiar}")
    return found


def _by_reference(images: list[Image], reference: Reference) -> Image | None:
    for image in images:
        if reference.digest:
            pinned = {f"{reference.familiar_name}@{reference.digest}"} & set(image.digests)
            named = any(parse_reference(tag).name == reference.name for tag in image.tags)
            if pinned or (named and reference.digest == image.id):
                return image
        elif reference.familiar in image.tags:
            return image
    return None


def _by_id(images: list[Image], ref: str, *, full: bool) -> Image | None:
    prefix = ref if ref.startswith("sha256:") else f"sha256:{ref}"
    found = [image for image in images if image.id == prefix or (not full and image.id.startswith(prefix))]
    return found[0] if len(found) == 1 else None


class LayoutImageStore:
    """ImageStore over one such directory. `lower`: another one, that manifests here may point into.

    `Image.rootfs` is the lowerdir option of overlayfs: the layers' absolute paths, top first, joined by `:`, colons
    inside a path escaped with a backslash."""

    def __init__(self, root: Path, lower: Path | None = None) -> None:
        self.root = root.absolute()
        self._places = [self.root, *([lower.absolute()] if lower else [])]
        self._stamp: tuple[int, int] | None = None
        self._entries: list[Entry] = []

    def all(self) -> list[Image]:
        """All images, by their first tag. Raises errors.Internal for a store that cannot be read."""
        return grouped(self.entries())

    def resolve(self, ref: str) -> Image:
        """By reference, digest, or (a prefix of) the id. Raises errors.NotFound, errors.InvalidArgument."""
        return find_image(self.all(), ref)

    def entries(self) -> list[Entry]:
        """The index, read again if somebody replaced it. Raises errors.Internal."""
        index = self.root / "index.json"
        try:
            status = index.stat()
        except FileNotFoundError:
            self._entries, self._stamp = [], None
            return []
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._entries, self._stamp = self._load(index), stamp
        return self._entries

    def _load(self, index: Path) -> list[Entry]:
        try:
            descriptors = msgspec.json.decode(index.read_bytes(), type=Index).manifests
            return [self._entry(descriptor) for descriptor in descriptors]
        except (OSError, msgspec.MsgspecError) as error:
            text = f"the image store {self.root} is damaged ({error}); build the images again"
            raise errors.Internal(text) from error

    def _entry(self, descriptor: Descriptor) -> Entry:
        manifest = self.manifest(descriptor)
        config = msgspec.json.decode(self.blob(manifest.config).read_bytes(), type=ImageConfig)
        name = descriptor.annotations.get(REF_NAME, "")
        tag = parse_reference(name) if name else None
        origin = descriptor.annotations.get(ORIGIN)
        digests = [f"{tag.familiar_name}@{descriptor.digest}"] if tag and origin is None else []
        image = Image(
            id=manifest.config.digest,
            digest=descriptor.digest,
            digests=[origin] if origin else digests,
            created=config.created or ZERO_TIME,
            size=sum(layer.size for layer in manifest.layers),
            architecture=config.architecture,
            os=config.os,
            config=config.config or {},
            labels=(config.config or {}).get("Labels") or {},
            rootfs=":".join(escape_layer(str(layer)) for layer in self._layers(manifest)),
            diff_ids=list((config.rootfs or {}).get("diff_ids") or []),
            layer_sizes=[layer.size for layer in manifest.layers],
            history=config.history or [],
        )
        return Entry(tag, image, descriptor)

    def _layers(self, manifest: Manifest) -> list[Path]:
        """Directories, top first. Layers that came as tar files lie unpacked together, named after the image."""
        if any(layer.media_type != MEDIA_ROOTFS for layer in manifest.layers):
            return [self._find(f"rootfs/{hex_of(manifest.config.digest)}")]
        return [self._find(f"rootfs/{hex_of(layer.digest)}") for layer in reversed(manifest.layers)]

    def blob(self, descriptor: Descriptor) -> Path:
        """The file of a blob, whichever directory has it."""
        return self._find(f"blobs/sha256/{hex_of(descriptor.digest)}")

    def layer(self, descriptor: Descriptor) -> Path:
        """The directory of an unpacked layer."""
        return self._find(f"rootfs/{hex_of(descriptor.digest)}")

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """The manifest behind an index entry."""
        return msgspec.json.decode(self.blob(descriptor).read_bytes(), type=Manifest)

    def _find(self, name: str) -> Path:
        return next((place / name for place in self._places if (place / name).exists()), self.root / name)
