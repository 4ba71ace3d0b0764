"""Owns which secrets and configs a node may know: those that a live task of its own names, and no others. Pure.

Counterpart: swarmkit/manager/dispatcher/assignments.go (assignSecret, assignConfig).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from swarmkit_py.model.objects import Config, Secret, Task
from swarmkit_py.model.specs import ContainerSpec


def secrets_for(tasks: Iterable[Task], secrets: Mapping[str, Secret]) -> dict[str, Secret]:
    """By id. A task that has ended needs its secrets no more."""
    wanted = {ref.secret_id for spec in _live(tasks) for ref in spec.secrets or ()}
    return {secret_id: secrets[secret_id] for secret_id in sorted(wanted & secrets.keys())}


def configs_for(tasks: Iterable[Task], configs: Mapping[str, Config]) -> dict[str, Config]:
    """By id, as `secrets_for`."""
    wanted = {ref.config_id for spec in _live(tasks) for ref in spec.configs or ()}
    return {config_id: configs[config_id] for config_id in sorted(wanted & configs.keys())}


def _live(tasks: Iterable[Task]) -> Iterator[ContainerSpec]:
    for task in tasks:
        if task.spec.container_spec is not None and not task.status.state.terminal:
            yield task.spec.container_spec
