"""Owns the grading of one hand-in, in a process of its own: `python -m labs.kit.grading.worker IN OUT`.

Whoever started it gives it its time and ends it; its sandbox ends with it (lifeline). Writes one JSON file.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.folder import UnknownLab, find_lab
from labs.kit.grading.guard import MIB, Share, guarded
from labs.kit.grading.handin import Command, HandIn, Sitting, meanings
from labs.kit.grading.literals import from_json
from labs.kit.grading.replay import COMMAND_SECONDS, Replay
from labs.kit.judge import exit_code
from labs.kit.referee import Referee
from labs.kit.results import as_json
from labs.kit.running import judge_now
from labs.kit.session import open_session
from labs.kit.typist import Typist
from swarmkit_py.errors import SwarmError
from topologies.cluster import Cluster
from topologies.clusters import Bounds

MEMORY, PROCESSES, DISK = 1536 * MIB, 700, 512 * MIB
"""What the kernel lets a replay have: a little more than the guard does, so that it can say why it ends."""


def grade(hand_in: HandIn, name: str, lang: str, covers: tuple[str, ...] = ()) -> dict[str, Any]:
    """The results (`labs.kit.results`), with `student` and `notes`. A fault of ours has status `error`. `covers`:
    what cannot be read while it is played again."""
    try:
        lab = find_lab(hand_in.lab)
        bounds = Bounds(PROCESSES, DISK, covers, system_only=True)
        with open_session(lab, name, hand_in.seed, lambda key: None, scratch=True, bounds=bounds) as referee:
            return _replayed(hand_in, referee, lang)
    except UnknownLab as unknown:
        return refused(hand_in, f"there is no lab {hand_in.lab!r}; there are: {unknown}")
    except GraderError as error:
        return broken(hand_in, str(error))
    except Exception:  # noqa: BLE001  whatever else goes wrong here is ours, and must cost nothing
        return broken(hand_in, traceback.format_exc(limit=-4))


def _replayed(hand_in: HandIn, referee: Referee, lang: str) -> dict[str, Any]:
    cluster = referee.eyes.cluster
    assert isinstance(cluster, Cluster)
    cluster.limit(MEMORY, PROCESSES)
    typist = Typist(cluster, lambda text: None, lang, COMMAND_SECONDS * referee.run.speed)
    replay = Replay(referee, typist)
    with guarded(cluster, Share()) as guard:
        try:
            found = _judged(hand_in, replay, lang)
        except Exception as error:  # noqa: BLE001  whose fault it is comes out below
            found = broken(hand_in, _last(error) if _lives(cluster) else ENDED)
        finally:
            ended = cluster.out_of_memory()
            typist.close()
    reason = guard.reason or (TOO_MUCH if ended else "")
    return refused(hand_in, reason, replay.notes) if reason else found


TOO_MUCH = f"its commands filled all memory that a replay may have ({MEMORY // MIB} MiB): processes were ended"


ENDED = "its sandbox ended while its commands ran: look at what it typed last"


def _lives(cluster: Cluster) -> bool:
    try:
        return bool(cluster.usage().processes)
    except SwarmError:
        return False


def _last(error: Exception) -> str:
    return "".join(traceback.format_exception(error, limit=-4))


def _judged(hand_in: HandIn, replay: Replay, lang: str) -> dict[str, Any]:
    referee = replay.referee
    replay.play(hand_in)
    results = replay.judged(lambda: judge_now(referee, final=True))
    # Points that are missing may be those of a line that could not be typed here: somebody has to look.
    code = exit_code(results) and (3 if replay.unclear else exit_code(results))
    found = as_json(referee, results, referee.lab.words(lang, referee.params), referee.last_goal)
    return {**found, "student": hand_in.student, "exit_code": code, "notes": [*hand_in.notes, *replay.notes],
            "status": "error" if code == 3 else "graded", "problem": replay.unclear[0] if replay.unclear else ""}


def refused(hand_in: HandIn, problem: str, notes: Iterable[str] = ()) -> dict[str, Any]:
    """Nothing to grade: the student's hand-in is no hand-in. 0 points, and why."""
    return {"student": hand_in.student, "lab": hand_in.lab, "status": "refused", "problem": problem, "score": 0,
            "max_score": 20, "checks": [], "notes": [*hand_in.notes, *notes], "exit_code": 1, "seconds": 0}


def broken(hand_in: HandIn, problem: str) -> dict[str, Any]:
    """The grader could not: no score at all, never a zero."""
    return {**refused(hand_in, problem), "status": "error", "score": None, "exit_code": 3}


def main() -> None:
    """Read IN, grade, write OUT."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    item = json.loads(source.read_text(encoding="utf-8"))
    commands = tuple(Command(host, line, at, from_json(named, line)) for host, line, at, named in item["commands"])
    hand_in = HandIn(item["student"], item["lab"], item["seed"], commands, item["said"], tuple(item["notes"]),
                     sitting=Sitting(**item["sitting"]), meant=meanings(item["meant"], item["said"]))
    found = grade(hand_in, item["name"], item["lang"], tuple(item["covers"]))
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    fresh.replace(target)


if __name__ == "__main__":
    main()
