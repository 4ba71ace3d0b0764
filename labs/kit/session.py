"""Owns one lab's life: its sandbox, the cluster it is given, and the referee that judges it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from labs.kit.cluster_port import Cluster
from labs.kit.events import GIVEN, note
from labs.kit.folder import LABS, Lab, find_lab, read_lab
from labs.kit.given import prepare, reset
from labs.kit.history import History
from labs.kit.look import Eyes
from labs.kit.probe import end_traffic
from labs.kit.progress import Progress, Run, Store
from labs.kit.recorder import Recorder
from labs.kit.referee import Referee
from labs.kit.speed import speed_factor
from topologies import clusters
from topologies.clusters import Bounds

Say = Callable[[str], None]


class NoLab(Exception):
    """The cluster of that name runs no lab."""


def fresh_progress(store: Store, lab: Lab, seed: str | None, challenge: bool = False) -> Progress:
    """What was reached, unless it is of another lab's values, finished, or of an exam: then from the start. A
    challenge begins at the start, too; who goes on without it goes on as everybody."""
    progress = store.progress(lab.id)
    if progress.finished or progress.seed != seed or lab.exam or challenge and not progress.challenge:
        progress = Progress(lab.id, seed)
    progress.challenge = challenge
    progress.step = min(progress.step, len(lab.steps) - 1)
    store.save_progress(progress)
    return progress


@contextmanager
def open_session(
    lab: Lab, name: str, seed: str | None, say: Say, *, scratch: bool = False, bounds: Bounds = Bounds(),
    challenge: bool = False,
) -> Iterator[Referee]:
    """Start the sandbox, make the given cluster, note the baseline. The sandbox ends with the block, or with us.
    `scratch`: nobody's progress is read or written."""
    if not lab.path.is_relative_to(LABS):  # the kit's own solutions are covered anyway
        bounds = bounds._replace(covers=(*bounds.covers, str(lab.path)))
    say("given.start")
    cluster = clusters.start(str(lab.table["topology"]), name, lifeline=True, bounds=bounds)
    recorder: Recorder | None = None
    try:
        store = Store(name, cluster.outside, scratch=scratch)
        recorder = Recorder(Eyes(cluster, str(lab.table["client"])).engines, cluster.outside)
        run = Run(lab.id, seed, History(), scratch=scratch, place=str(lab.path))
        yield _given(lab, cluster, store, run, say, challenge)
    finally:
        if recorder is not None:
            recorder.close()
        cluster.stop()


def _given(lab: Lab, cluster: Cluster, store: Store, run: Run, say: Say, challenge: bool) -> Referee:
    params, speed = lab.params(run.seed), speed_factor()
    eyes = Eyes(cluster, str(lab.table["client"]))
    prepare(eyes, lab.table, params, say, speed)
    say("given.baseline")
    run.changed, run.speed = time.monotonic(), speed
    referee = Referee(lab, params, eyes, store, fresh_progress(store, lab, run.seed, challenge), run)
    referee.see()
    store.save_run(run)
    return referee


def join_session(name: str | None, *, keep: bool = False) -> Referee:
    """The lab that another process runs. Raises what `clusters.find` raises, and NoLab."""
    cluster = clusters.find(name or os.environ.get(clusters.OWN) or _only_lab())
    store = Store(cluster.name, cluster.outside)
    run = store.run()
    if run is None:
        raise NoLab(cluster.name)
    lab = read_lab(Path(run.place)) if run.place else find_lab(run.lab)
    eyes = Eyes(cluster, str(lab.table["client"]))
    return Referee(lab, lab.params(run.seed), eyes, store, store.progress(lab.id), run, keep=keep)


def _only_lab() -> str | None:
    """The one lab among several clusters; None lets `find` say what there is."""
    labs = [cluster.name for cluster in clusters.running() if Store(cluster.name, cluster.outside).run()]
    return labs[0] if len(labs) == 1 else None


def start_again(referee: Referee, say: Say) -> None:
    """The cluster as at the start, progress too; the seed stays."""
    end_traffic(referee.eyes.cluster, referee.eyes.client)
    reset(referee.eyes, referee.lab.table, referee.params, say, referee.run.speed,
          emptied=lambda: note(referee.eyes.cluster.outside, GIVEN))
    say("given.baseline")
    progress = Progress(referee.lab.id, referee.run.seed, challenge=referee.progress.challenge)
    run = replace(referee.run, history=History(), changed=time.monotonic())
    referee.progress, referee.run = progress, run
    referee.judge.passed_ever = progress.passed
    referee.keep = True
    referee.see()
    referee.enter(0)
    referee.store.save_run(run)
