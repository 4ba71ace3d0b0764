"""Owns how an engine takes over the containers that a former daemon (killed, or ended) left behind.

What runs is watched on (its conmon is not our child, a pidfd does not mind), what ended meanwhile is ended with the
exit code conmon left, and what a restart policy wants is started. Counterpart: moby/daemon/daemon.go (restore).
"""

from __future__ import annotations

from swarmkit_py.runtime import process, restart
from swarmkit_py.runtime.base import Container
from swarmkit_py.runtime.cells import Cell, Cells
from swarmkit_py.runtime.conmon import Shim
from swarmkit_py.runtime.launcher import Running
from swarmkit_py.runtime.lifecycle import Lifecycle
from swarmkit_py.runtime.probes import Probes
from swarmkit_py.runtime.storage import Saved


async def take_over(cells: Cells, life: Lifecycle, shim: Shim, probes: Probes) -> None:
    """Find again everything below the data root."""
    found = list(cells.storage.load())
    for saved in found:
        cells.put(saved.container, Cell(
            image=saved.image, stopped_by_user=saved.stopped_by_user, last_delay=saved.last_delay))
    for saved in found:
        cell = cells.get(saved.container.id)
        async with cell.lock:
            await _take_over(saved, cell, cells, life, shim, probes)


async def _take_over(
    saved: Saved, cell: Cell, cells: Cells, life: Lifecycle, shim: Shim, probes: Probes
) -> None:
    container = saved.container
    if container.running:
        cell.running = Running(container.pid, saved.pid_started, saved.conmon_pid, saved.conmon_started)
        if process.start_time(saved.conmon_pid) == saved.conmon_started != 0:
            life.watch(container.id, cell, cell.running)
            probes.begin(container.id, fresh=False)
        else:
            await life.ended(container.id, cell)
    elif container.status == "removing":
        await cells.destroy(container.id)
    else:
        await _idle(container, cell, cells, life, shim)


async def _idle(container: Container, cell: Cell, cells: Cells, life: Lifecycle, shim: Shim) -> None:
    """Undo a start that the end of the former daemon cut short, and start what should run."""
    if (shim.state / container.id).exists():
        await shim.delete(container.id)  # with its cgroups, if it has any
    cells.storage.drop_bundle(container.id)
    await cells.release(container.id, keep_files=container.status == "created")
    was_restarting = container.status == "restarting"
    if container.status != "created" and restart.starts_with_engine(
        container.config.restart_policy, stopped_by_user=cell.stopped_by_user, was_running=was_restarting
    ):
        life.restart_after(container.id, cell, restart.FIRST_DELAY)
    elif was_restarting:
        cells.registry.update(container.id, status="exited")
