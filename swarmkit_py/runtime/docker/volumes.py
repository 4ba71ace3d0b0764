"""Owns the volumes of a Docker Engine as a VolumeStore. What they are is that engine's affair.

Its calls block for a moment: they are small, and asked for by hand. Counterpart: moby/client (volume_*.go).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from swarmkit_py.clock import ZERO_TIME
from swarmkit_py.runtime.base_mounts import Volume
from swarmkit_py.runtime.docker.client import DockerClient


class DockerVolumes:
    """See VolumeStore. `listen` hears nothing: the engine has events of its own."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def all(self) -> list[Volume]:
        told = self._client.call_now("volumes")
        return sorted((_volume(entry) for entry in told["Volumes"] or ()), key=lambda volume: volume.name)

    def get(self, name: str) -> Volume:
        return _volume(self._client.call_now("inspect_volume", name))

    def create(
        self, name: str = "", *, driver: str = "", labels: dict[str, str] | None = None,
        options: dict[str, str] | None = None,
    ) -> Volume:
        told = self._client.call_now(
            "create_volume", name or None, driver=driver or None, driver_opts=options, labels=labels)
        return _volume(told)

    def remove(self, name: str) -> None:
        self._client.call_now("remove_volume", name)

    def size(self, name: str) -> int:
        told = self._client.call_now("df")
        sizes = {entry["Name"]: (entry.get("UsageData") or {}).get("Size", 0) for entry in told["Volumes"] or ()}
        return max(0, int(sizes.get(name, 0)))

    def listen(self, callback: Callable[[str, Volume], None]) -> None:
        """Nothing to hear."""


def _volume(told: dict[str, Any]) -> Volume:
    return Volume(
        name=told["Name"], mountpoint=told["Mountpoint"], created=_time(told.get("CreatedAt", "")),
        driver=told["Driver"], labels=told["Labels"] or {}, options=told["Options"] or {})


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return ZERO_TIME
