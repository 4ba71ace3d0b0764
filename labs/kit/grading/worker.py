"""Owns the grading of one hand-in, in a process of its own: `python -m labs.kit.grading.worker IN OUT`.

Whoever started it gives it its time and ends it; its sandbox ends with it (lifeline). Writes one JSON file.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.folder import UnknownLab, find_lab
from labs.kit.grading.handin import Command, HandIn
from labs.kit.grading.replay import COMMAND_SECONDS, Replay
from labs.kit.judge import exit_code
from labs.kit.results import as_json
from labs.kit.running import judge_now
from labs.kit.session import open_session
from labs.kit.typist import Typist

MEMORY, PROCESSES = 1536 * 1024 * 1024, 700


def grade(hand_in: HandIn, name: str, lang: str) -> dict[str, Any]:
    """The results (`labs.kit.results`), with `student` and `notes`. A fault of ours has status `error`."""
    try:
        lab = find_lab(hand_in.lab)
        with open_session(lab, name, hand_in.seed, lambda key: None, scratch=True) as referee:
            limited = referee.eyes.cluster.limit(MEMORY, PROCESSES)  # type: ignore[attr-defined]
            typist = Typist(referee.eyes.cluster, lambda text: None, lang, COMMAND_SECONDS * referee.run.speed)
            replay = Replay(referee, typist)
            try:
                replay.play(hand_in)
                results = replay.judged(lambda: judge_now(referee, final=True))
            finally:
                typist.close()
            words = lab.words(lang, referee.params)
            found = as_json(referee, results, words, referee.last_goal)
            code = exit_code(results)
            notes = [*hand_in.notes, *replay.notes, *([] if limited else ["without cgroups: no limits but time"])]
            return {**found, "student": hand_in.student, "exit_code": code, "notes": notes,
                    "status": "error" if code == 3 else "graded"}
    except UnknownLab as unknown:
        return refused(hand_in, f"there is no lab {hand_in.lab!r}; there are: {unknown}")
    except GraderError as error:
        return broken(hand_in, str(error))
    except Exception:  # noqa: BLE001  whatever else goes wrong here is ours, and must cost nothing
        return broken(hand_in, traceback.format_exc(limit=-4))


def refused(hand_in: HandIn, problem: str) -> dict[str, Any]:
    """Nothing to grade: the student's hand-in is no hand-in. 0 points, and why."""
    return {"student": hand_in.student, "lab": hand_in.lab, "status": "refused", "problem": problem, "score": 0,
            "max_score": 20, "checks": [], "notes": list(hand_in.notes), "exit_code": 1, "seconds": 0}


def broken(hand_in: HandIn, problem: str) -> dict[str, Any]:
    """The grader could not: no score at all, never a zero."""
    return {**refused(hand_in, problem), "status": "error", "score": None, "exit_code": 3}


def main() -> None:
    """Read IN, grade, write OUT."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    item = json.loads(source.read_text(encoding="utf-8"))
    hand_in = HandIn(item["student"], item["lab"], item["seed"], tuple(Command(*one) for one in item["commands"]),
                     item["said"], tuple(item["notes"]))
    found = grade(hand_in, item["name"], item["lang"])
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    fresh.replace(target)


if __name__ == "__main__":
    main()
