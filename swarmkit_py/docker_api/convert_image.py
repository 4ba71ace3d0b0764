"""Owns images in Docker's JSON. Counterpart: moby/daemon/images/images.go, image_inspect.go."""

from __future__ import annotations

from swarmkit_py.docker_api.convert import Json
from swarmkit_py.runtime.base import Image


def _digests(image: Image) -> list[str]:
    """`nginx@sha256:…`, once for each repository the image is in."""
    repositories = dict.fromkeys(tag.rpartition(":")[0] for tag in image.tags)
    return [f"{repository}@{image.digest}" for repository in repositories] if image.digest else []


def image_summary(image: Image, containers: int) -> Json:
    """One line of `docker images`."""
    return {
        "Containers": containers, "Created": int(image.created.timestamp()), "Id": image.id,
        "Labels": dict(image.labels) or None, "ParentId": "", "RepoDigests": _digests(image),
        "RepoTags": list(image.tags), "SharedSize": -1, "Size": image.size, "VirtualSize": image.size,
    }


def image_json(image: Image) -> Json:
    """The page of `docker image inspect`."""
    return {
        "Id": image.id, "RepoTags": list(image.tags), "RepoDigests": _digests(image), "Parent": "", "Comment": "",
        "Created": image.created, "Container": "", "DockerVersion": "", "Author": "",
        "Config": {**image.config, "Labels": dict(image.labels) or None},
        "Architecture": image.architecture, "Os": image.os, "Size": image.size, "VirtualSize": image.size,
        "GraphDriver": {"Data": {"LowerDir": image.rootfs}, "Name": "overlay2"},
        "RootFS": {"Type": "layers"}, "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
    }
