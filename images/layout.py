"""Owns writing an image store (its layout: swarmkit_py.runtime.images) so that a reader never sees half of one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from swarmkit_py.runtime import images as layout
from swarmkit_py.runtime.layers import measure_tree


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class LayoutWriter:
    """Adds blobs and layers, then publishes them all at once by replacing index.json."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._descriptors: list[layout.Descriptor] = []
        (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (root / "rootfs").mkdir(parents=True, exist_ok=True)

    def add_layer(self, directory: Path) -> layout.Descriptor:
        """Move `directory` (same file system) in; if its like is there already, that one stays."""
        digest, size = measure_tree(directory)
        target = self.root / "rootfs" / digest.partition(":")[2]
        if not target.exists():
            directory.rename(target)
        return layout.Descriptor(layout.MEDIA_ROOTFS, digest, size)

    def add_image(self, tag: str, config: layout.ImageConfig, layers: list[layout.Descriptor]) -> str:
        """Write config and manifest under `tag`; the image's id."""
        descriptor = self._blob(msgspec.json.encode(config), layout.MEDIA_CONFIG)
        manifest = self._blob(msgspec.json.encode(layout.Manifest(descriptor, layers)), layout.MEDIA_MANIFEST)
        annotations = {layout.REF_NAME: tag}
        self._descriptors.append(msgspec.structs.replace(manifest, annotations=annotations))
        return descriptor.digest

    def publish(self) -> None:
        replace_file(self.root / "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        index = msgspec.json.encode(layout.Index(self._descriptors))
        replace_file(self.root / "index.json", msgspec.json.format(index, indent=2))

    def _blob(self, data: bytes, media_type: str) -> layout.Descriptor:
        digest = sha256(data)
        replace_file(self.root / "blobs" / "sha256" / digest.partition(":")[2], data)
        return layout.Descriptor(media_type, digest, len(data))


def replace_file(path: Path, data: bytes) -> None:
    """Write `path` so that it is either as before or complete."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    temporary.replace(path)
