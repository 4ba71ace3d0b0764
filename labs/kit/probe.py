"""Owns the graders' own requests and the students' load: both leave from `client`, outside the swarm."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.cluster_port import Cluster

SCRIPT = Path(__file__).parent / "client_script.py"
PYTHON = "/usr/bin/python3"
TRAFFIC_FILE = "/tmp/lab-traffic.json"
PROBE_FILE, PROBE_FLAG = "/tmp/lab-probe.jsonl", "/tmp/lab-probe.on"
CONTAINER = re.compile(r"\b[0-9a-f]{12}\b")
WINDOW = 6
"""Seconds of traffic that are judged."""


@dataclass(frozen=True)
class Answers:
    """What came back: short container ids that answered, how often, and every answer that was no 200."""

    asked: int
    by_container: Counter[str]
    errors: tuple[str, ...]
    busy: int = 0


@dataclass(frozen=True)
class Traffic:
    """The traffic that runs: asked and failed in the last `WINDOW` whole seconds."""

    rate: float
    seconds: int
    asked: int
    failed: int

    @property
    def error_percent(self) -> float:
        return 100.0 * self.failed / self.asked if self.asked else 0.0


@dataclass(frozen=True)
class Shot:
    """One request of `lab probe`: when it was sent (monotonic seconds), what came. `status` 0: nothing came."""

    t: float
    url: str
    status: int
    text: str
    ms: float

    @property
    def good(self) -> bool:
        return self.status == 200

    @property
    def server(self) -> str:
        """The Server header: `nginx/1.18.0`."""
        found = re.search(r"^server:\s*(.+)$", self.text, re.IGNORECASE | re.MULTILINE)
        return found.group(1).strip() if found else ""


def script(*words: object) -> list[str]:
    """The command line of the client's script, without any of the user's own Python settings."""
    return [PYTHON, "-I", "-S", str(SCRIPT), *map(str, words)]


def send(cluster: Cluster, client: str, urls: Sequence[str], count: int, rate: float) -> list[dict[str, Any]]:
    """The raw answers to `count` requests. Raises GraderError when the client cannot send."""
    argv = cluster.enter_argv(client, script("burst", count, rate, *urls))
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=30 + count / rate, check=False)
        answers: list[dict[str, Any]] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GraderError(f"{client} could not send requests: {error}") from None
    except ValueError:
        raise GraderError(f"{client} could not send requests: {done.stderr.strip()[-300:]}") from None
    return answers


def ask_everybody(
    cluster: Cluster, client: str, urls: Sequence[str], count: int, rate: float, known: Iterable[str] = (),
) -> Answers:
    """Requests that no cache and no earlier answer can serve: each has a number used once."""
    fresh = [f"{url}?nonce={uuid.uuid4().hex[:8]}" for url in urls]
    return summarise(send(cluster, client, fresh, count, rate), known)


def summarise(answers: Iterable[dict[str, Any]], known: Iterable[str] = ()) -> Answers:
    """Who answered, by the container id (= host name) in the answer; pure. `known`: short ids that are expected."""
    answered: Counter[str] = Counter()
    errors, busy, asked = [], 0, 0
    expected = set(known)
    for answer in answers:
        asked += 1
        ids = CONTAINER.findall(answer["text"])
        who = next((short for short in ids if short in expected), ids[0] if ids else "")
        if answer["status"] == 503:
            busy += 1
        elif answer["status"] != 200:
            errors.append(f"{answer['url'].partition('?')[0]}: {answer['status'] or answer['text']}")
        elif answer["url"].partition("nonce=")[2] not in answer["text"]:
            errors.append(f"{answer['url'].partition('?')[0]}: an answer to an older question")
        elif who:
            answered[who] += 1
        else:
            errors.append(f"{answer['url'].partition('?')[0]}: nobody's name in the answer")
    return Answers(asked, answered, tuple(errors), busy)


def read_traffic(cluster: Cluster, client: str) -> Traffic | None:
    """The traffic that runs on the client, or None."""
    argv = cluster.enter_argv(client, ["cat", TRAFFIC_FILE])
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=10, check=False)
        return parse_traffic(json.loads(done.stdout)) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def read_probe(cluster: Cluster, client: str) -> list[Shot]:
    """Every request of `lab probe`, oldest first. Raises GraderError when the client cannot be asked."""
    argv = cluster.enter_argv(client, ["sh", "-c", f"cat {PROBE_FILE} 2>/dev/null || true"])
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=15, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GraderError(f"{client} could not be asked: {error}") from None
    return parse_shots(done.stdout.splitlines())


def parse_shots(lines: Iterable[str]) -> list[Shot]:
    """What the probe wrote; pure. A line that is being written is passed over."""
    found = []
    for line in lines:
        try:
            item = json.loads(line)
            found.append(Shot(item["t"], item["url"], item["status"], item["text"], item["ms"]))
        except (ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda shot: shot.t)


def end_traffic(cluster: Cluster, client: str) -> None:
    """The client stops sending, if it was, and forgets what it saw."""
    argv = cluster.enter_argv(client, ["rm", "-f", TRAFFIC_FILE, PROBE_FLAG, PROBE_FILE])
    subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=10, check=False)


def parse_traffic(data: dict[str, Any]) -> Traffic:
    """The last whole seconds of what the client wrote; pure."""
    whole = [entry for entry in data["seconds"] if entry[0] < int(data["now"])][-WINDOW:]
    return Traffic(data["rate"], len(whole), sum(entry[1] for entry in whole), sum(entry[2] for entry in whole))
