"""Owns images in Docker's JSON. Counterpart: moby/daemon/images/images.go, image_inspect.go, image_history.go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.docker_api.convert import Json
from swarmkit_py.runtime.base import Image

NO_TAG = ["<none>:<none>"]


def image_summary(image: Image, containers: int) -> Json:
    """One line of `docker images`."""
    return {
        "Containers": containers, "Created": seconds(image.created), "Id": image.id,
        "Labels": dict(image.labels) or None, "ParentId": "", "RepoDigests": list(image.digests) or None,
        "RepoTags": sorted(image.tags) or NO_TAG, "SharedSize": -1, "Size": image.size, "VirtualSize": image.size,
    }


def image_json(image: Image) -> Json:
    """The page of `docker image inspect`."""
    return {
        "Id": image.id, "RepoTags": sorted(image.tags), "RepoDigests": list(image.digests), "Parent": "",
        "Comment": next((item["comment"] for item in reversed(image.history) if item.get("comment")), ""),
        "Created": image.created, "Container": "", "DockerVersion": "", "Author": "",
        "Config": {**image.config, "Labels": dict(image.labels) or None},
        "Architecture": image.architecture, "Os": image.os, "Size": image.size, "VirtualSize": image.size,
        "GraphDriver": {"Data": {"LowerDir": image.rootfs}, "Name": "overlay2"},
        "RootFS": {"Type": "layers", "Layers": list(image.diff_ids)},
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
    }


def history_json(image: Image) -> list[Json]:
    """The lines of `docker history`, newest first; an image whose maker wrote none has one line a layer."""
    sizes = iter(image.layer_sizes)
    written = image.history or [{"created": image.created}] * len(image.layer_sizes)
    lines = [_line(item, 0 if item.get("empty_layer") else next(sizes, 0)) for item in written]
    lines.reverse()
    if lines:
        lines[0] |= {"Id": image.id, "Tags": list(image.tags) or None}
    return lines


def _line(item: dict[str, Any], size: int) -> Json:
    return {
        "Id": "<missing>", "Created": seconds(_time(item.get("created"))), "CreatedBy": item.get("created_by", ""),
        "Tags": None, "Size": size, "Comment": item.get("comment", ""),
    }


def _time(value: object) -> datetime:
    """As read from an image's config, which anybody may have written."""
    if isinstance(value, datetime):
        return value
    try:
        return msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return ZERO_TIME


def seconds(moment: datetime) -> int:
    """Unix time; 0 for an image that does not say when it was made."""
    return 0 if moment == ZERO_TIME else int(moment.timestamp())


def layers_size(images: list[Image]) -> int:
    """Bytes of all layers, each counted once however many images share it."""
    layers: dict[str, int] = {}
    for image in images:
        layers.update(zip(image.diff_ids, image.layer_sizes, strict=False))
    return sum(layers.values())


def shared_size(image: Image, others: list[Image]) -> int:
    """Bytes of the layers that other images have, too."""
    elsewhere = {digest for other in others if other.id != image.id for digest in other.diff_ids}
    return sum(size for digest, size in zip(image.diff_ids, image.layer_sizes, strict=False) if digest in elsewhere)
