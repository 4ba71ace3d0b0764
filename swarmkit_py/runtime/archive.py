"""Owns the archives of `docker save` and `load`: tar files with a manifest.json, configs and layers. Knows no tags of
this machine and no container.

Counterpart: moby/image/tarexport (load.go, save.go).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from pathlib import Path
from typing import IO, cast

import msgspec

from swarmkit_py import errors
from swarmkit_py.runtime.images import (
    MEDIA_CONFIG,
    MEDIA_LAYER,
    MEDIA_ROOTFS,
    Descriptor,
    ImageConfig,
    LayoutImageStore,
    Manifest,
    hex_of,
)
from swarmkit_py.runtime.layers import tar_tree
from swarmkit_py.runtime.unpacker import run_umoci

JSON_LIMIT = 8 * 1024 * 1024
"""Bytes of a manifest or a config; real ones have a few thousand."""
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


class Item(msgspec.Struct, rename="pascal"):
    """One image in a manifest.json."""

    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


class Taken(msgspec.Struct):
    """An image as it was read from an archive."""

    manifest: Descriptor
    tags: list[str]
    image_id: str


class Blobs:
    """Where an archive's parts go: content-addressed files of one store, and layers unpacked beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("blobs/sha256", "rootfs", "tmp"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes, media_type: str) -> Descriptor:
        return self.put_stream(io.BytesIO(data), media_type)

    def put_stream(self, source: IO[bytes], media_type: str) -> Descriptor:
        """Copy a stream into its place, whole or not at all."""
        summary, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self.root / "tmp", delete=False) as file:
            path = Path(file.name)
            try:
                while chunk := source.read(_CHUNK):
                    summary.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
            except (EOFError, gzip.BadGzipFile, tarfile.TarError) as error:
                path.unlink()
                raise errors.InvalidArgument(f"the archive ends in the middle of a layer: {error}") from None
            except BaseException:
                path.unlink()
                raise
        path.replace(self.root / "blobs" / "sha256" / summary.hexdigest())
        return Descriptor(media_type, f"sha256:{summary.hexdigest()}", size)


def read_archive(archive: Path, blobs: Blobs, known: LayoutImageStore) -> list[Taken]:
    """Take in every image of an archive; layers that `known` has unpacked already are not unpacked again.

    Raises errors.InvalidArgument for what is no such archive, errors.Internal for a full disk."""
    try:
        with tarfile.open(archive) as tar:
            return [_take(tar, item, blobs, known) for item in _items(tar)]
    except tarfile.TarError as error:
        reason = str(error).splitlines()[0].rstrip(":")  # tarfile goes on with what each compression had to say
        raise errors.InvalidArgument(f"this is no archive that docker save wrote: {reason}") from None
    except OSError as error:
        raise errors.Internal(f"the archive could not be taken in: {error.strerror or error}") from error


def _items(tar: tarfile.TarFile) -> list[Item]:
    found = _member(tar, "manifest.json", optional=True)
    if found is None:
        raise errors.InvalidArgument("the archive has no manifest.json: it is not one that docker save wrote "
                                     "(a tar file of a root file system is taken in by docker import)")
    try:
        return msgspec.json.decode(_small(found), type=list[Item])
    except msgspec.DecodeError as error:
        raise errors.InvalidArgument(f"the archive's manifest.json cannot be read: {error}") from None


def _member(tar: tarfile.TarFile, name: str, *, optional: bool = False) -> IO[bytes] | None:
    """A file of the archive by its exact name; links inside the archive (older docker saved some) are followed."""
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None and not optional:
        raise errors.InvalidArgument(f"the archive names {name} and does not hold it")
    return found


def _small(file: IO[bytes]) -> bytes:
    data = file.read(JSON_LIMIT + 1)
    if len(data) > JSON_LIMIT:
        raise errors.InvalidArgument("a description in the archive is larger than any real one: not taken in")
    return data


def _take(tar: tarfile.TarFile, item: Item, blobs: Blobs, known: LayoutImageStore) -> Taken:
    raw = _small(cast(IO[bytes], _member(tar, item.config)))
    try:
        config = msgspec.json.decode(raw, type=ImageConfig)
    except msgspec.DecodeError as error:
        raise errors.InvalidArgument(f"the image's description {item.config} cannot be read: {error}") from None
    diff_ids = list((config.rootfs or {}).get("diff_ids") or [])
    if len(diff_ids) != len(item.layers) or not diff_ids:
        text = f"invalid manifest, layers length mismatch: expected {len(diff_ids)}, got {len(item.layers)}"
        raise errors.InvalidArgument(text)
    described = blobs.put(raw, MEDIA_CONFIG)
    layers = _known_layers(diff_ids, known) or _new_layers(tar, item, diff_ids, blobs)
    manifest = Manifest(described, layers)
    if layers[0].media_type == MEDIA_LAYER:
        unpack_image(manifest, blobs)
    written = blobs.put(msgspec.json.encode(manifest), manifest.media_type)
    return Taken(written, list(item.repo_tags or []), described.digest)


def _known_layers(diff_ids: list[str], known: LayoutImageStore) -> list[Descriptor] | None:
    """The layers as the kit has them unpacked, if it has all of them."""
    sizes = {digest: size for entry in known.entries()
             for digest, size in zip(entry.image.diff_ids, entry.image.layer_sizes, strict=False)}
    there = all((known.root / "rootfs" / hex_of(digest)).is_dir() and digest in sizes for digest in diff_ids)
    return [Descriptor(MEDIA_ROOTFS, digest, sizes[digest]) for digest in diff_ids] if there else None


def _new_layers(tar: tarfile.TarFile, item: Item, diff_ids: list[str], blobs: Blobs) -> list[Descriptor]:
    layers = []
    for number, (name, expected) in enumerate(zip(item.layers, diff_ids, strict=True)):
        file = cast(IO[bytes], _member(tar, name))
        magic = file.read(2)
        file.seek(0)
        plain = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if magic == _GZIP else file
        layer = blobs.put_stream(plain, MEDIA_LAYER)
        if layer.digest != expected:
            raise errors.InvalidArgument(
                f"invalid diffID for layer {number}: expected {expected!r}, got {layer.digest!r}")
        layers.append(layer)
    return layers


def unpack_image(manifest: Manifest, blobs: Blobs) -> None:
    """All layers over each other in one directory named after the image. Done by umoci, which stays inside the
    directory whatever the layers say. Raises errors.InvalidArgument, errors.Unimplemented without umoci."""
    target = blobs.root / "rootfs" / hex_of(manifest.config.digest)
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=blobs.root / "tmp") as name:
        place = Path(name)
        written = blobs.put(msgspec.json.encode(manifest), manifest.media_type)
        tagged = msgspec.structs.replace(written, annotations={"org.opencontainers.image.ref.name": "image"})
        (place / "blobs").symlink_to((blobs.root / "blobs").absolute())
        (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (place / "index.json").write_bytes(msgspec.json.encode({"schemaVersion": 2, "manifests": [tagged]}))
        run_umoci(place, place / "rootfs")
        (place / "rootfs").rename(target)


def write_archive(
    target: Path, images: list[tuple[Manifest, list[str]]], store: LayoutImageStore, work: Path
) -> None:
    """Write images (manifest, full tags) as `docker save` does; a layer that several share is written once."""
    written: set[str] = set()
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        items = []
        for manifest, tags in images:
            name = f"{hex_of(manifest.config.digest)}.json"
            if name not in written:
                _add(tar, name, store.blob(manifest.config))
            written.add(name)
            layers = [_add_layer(tar, layer, store, work, written) for layer in manifest.layers]
            items.append(Item(config=name, layers=layers, repo_tags=tags or None))
        _add_bytes(tar, "manifest.json", msgspec.json.encode(items))
        _add_bytes(tar, "repositories", msgspec.json.encode(_repositories(items)))


def _repositories(items: list[Item]) -> dict[str, dict[str, str]]:
    """What docker before 1.10 read; newer ones look for the file's presence only."""
    found: dict[str, dict[str, str]] = {}
    for item in items:
        for tag in item.repo_tags or []:
            name, _, version = tag.rpartition(":")
            found.setdefault(name, {})[version] = item.layers[-1].partition("/")[0]
    return found


def _add_layer(
    tar: tarfile.TarFile, layer: Descriptor, store: LayoutImageStore, work: Path, written: set[str]
) -> str:
    name = f"{hex_of(layer.digest)}/layer.tar"
    if name in written:
        return name
    written.add(name)
    if layer.media_type != MEDIA_ROOTFS:
        _add(tar, name, store.blob(layer))
        return name
    with tempfile.NamedTemporaryFile(dir=work) as file:
        tar_tree(store.layer(layer), file.write)
        file.flush()
        _add(tar, name, Path(file.name))
    return name


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = path.stat().st_size, 0o644
    with path.open("rb") as file:
        tar.addfile(info, file)


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    tar.addfile(info, io.BytesIO(data))
