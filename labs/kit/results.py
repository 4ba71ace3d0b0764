"""Owns the results as other programs read them (`lab check --json`): schema 1, nothing shortened."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Iterable
from typing import Any

from labs.kit.judge import Result, exit_code, score
from labs.kit.referee import Referee
from labs.kit.report import filled, sentence
from labs.kit.words import Words

SCHEMA = 1


def as_json(referee: Referee, results: Iterable[Result], words: Words, goal: int) -> dict[str, Any]:
    """The whole judgement. `status` of a check is passed, failed, waiting, converging or error."""
    found = list(results)
    progress, truths = referee.progress, referee.truths()
    return {
        "schema": SCHEMA, "lab": referee.lab.id, "lab_hash": lab_hash(referee), "lang": words.lang,
        "mode": "guided" if referee.run.seed is None else "graded", "seed_id": referee.run.seed,
        "host_facts": {"machine": platform.machine(), "kernel": platform.release(), "cpus": os.cpu_count(),
                       "speed_factor": round(referee.run.speed, 2)},
        "judged": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seconds": round(progress.seconds),
        "score": score(found), "max_score": sum(result.max_points for result in found), "exit_code": exit_code(found),
        "step": progress.step + 1, "steps": len(referee.lab.steps),
        "checks": [_check(referee, result, words, goal) for result in found],
        "predictions": [
            {"id": code, "said": progress.said.get(code), "truth": truths.get(code),
             "right": code in progress.said and progress.said[code] == truths.get(code)}
            for code in referee.lab.questions],
        "hints": dict(progress.hints), "challenge": progress.challenge, "commands_shown": sorted(progress.shown),
        "engine": _engine(referee),
    }


def _check(referee: Referee, result: Result, words: Words, goal: int) -> dict[str, Any]:
    said = {name: filled(result, words, name, goal) if f"checks.{result.code}.{name}" in words else ""
            for name in ("expected", "actual", "where")}
    text = words(f"mistakes.{result.mistake}", **result.mistake_facts) if result.mistake else ""
    return {
        "id": result.code, "sentence": sentence(result, words, goal), "status": result.status,
        "points": result.points, "max_points": result.max_points, "needs": list(result.needs),
        "expected": result.expected, "actual": result.actual, "where": said["where"],
        "expected_text": said["expected"], "actual_text": said["actual"], "facts": dict(result.facts),
        "mistake": result.mistake or None, "help": text or None, "seconds": round(result.elapsed, 2),
        "error": result.error or None,
    }


def _engine(referee: Referee) -> dict[str, str]:
    version = referee.eyes.engines[referee.eyes.asked].get("/version")
    platform_name = (version.get("Platform") or {}).get("Name") or "Docker Engine"
    return {"name": platform_name, "version": version.get("Version", "")}


def lab_hash(referee: Referee) -> str:
    """Which version of the lab judged: a digest of its table, steps and checks."""
    digest = hashlib.sha256()
    for name in ("lab.toml", "steps.toml", "checks.py"):
        digest.update((referee.lab.path / name).read_bytes())
    return digest.hexdigest()[:16]
