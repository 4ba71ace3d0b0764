"""Owns `lab load` and `lab traffic`: requests from the client, whether typed on the client or outside the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

from labs.kit.probe import CONTAINER, TRAFFIC_FILE, parse_traffic, script
from labs.kit.waiting import until
from labs.kit.words import Words

Fail = Callable[[str, int], NoReturn]
LOAD_RATE = 50.0
MOST_REQUESTS, FASTEST = 100_000, 2000.0
START_SECONDS = 5.0


def on_client(argv: list[str], name: str, words: Words, fail: Fail) -> list[str]:
    """The command that runs `argv` on the client: itself there, through the sandbox's door from outside."""
    here = os.environ.get("SWARM_ROLE")
    if here == "client":
        return argv
    if here:
        fail(words("cli.on_client"), 2)
    from topologies import clusters

    cluster = clusters.find(name or None)
    client = next(host.name for host in cluster.hosts if host.role == "client")
    return cluster.enter_argv(client, argv)


def the_url(url: str, name: str, words: Words, fail: Fail) -> str:
    """The URL asked for, or the running lab's own."""
    if not url:
        if os.environ.get("SWARM_HOST"):
            return "http://worker1/"
        from labs.kit.session import NoLab, join_session

        try:
            return str(join_session(name or None).params.values()["url"])
        except NoLab:
            return "http://worker1/"
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        fail(words("cli.url_bad", url=url), 2)
    return url


def load_now(count: int, url: str, name: str, words: Words, fail: Fail) -> int:
    """Send, then say who answered how often. 0 if all was answered."""
    if not 1 <= count <= MOST_REQUESTS:
        fail(words("cli.load_count", count=count), 2)
    address = the_url(url, name, words, fail)
    argv = on_client(script("burst", count, LOAD_RATE, address), name, words, fail)
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        fail(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no answer", 3)
    answers = json.loads(done.stdout)
    for who, times in who_answered(answers):
        print(f"{times:>6}  {who}")
    errors = sum(answer["status"] != 200 for answer in answers)
    seconds = round(count / LOAD_RATE, 1)
    print(words("cli.load_summary", count=count, good=count - errors, errors=errors, seconds=seconds))
    return 1 if errors else 0


def who_answered(answers: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Container ids, or the errors, with how often each came; most often first."""
    seen: Counter[str] = Counter()
    for answer in answers:
        ids = CONTAINER.findall(answer["text"])
        if answer["status"] == 200:
            seen[ids[0] if ids else "?"] += 1
        else:
            seen[str(answer["status"] or answer["text"])] += 1
    return sorted(seen.items(), key=lambda item: (-item[1], item[0]))


def start_traffic(rate: float, url: str, name: str, words: Words, fail: Fail) -> None:
    """Start it in the background; returns once it runs."""
    if not 1 <= rate <= FASTEST:
        fail(words("cli.traffic_rate", rate=f"{rate:g}"), 2)
    address = the_url(url, name, words, fail)
    if _read(name, words) is not None:
        fail(words("cli.traffic_already"), 1)
    argv = on_client(script("traffic", rate, TRAFFIC_FILE, address), name, words, fail)
    subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                     start_new_session=True)
    if not until(lambda: _read(name, words) is not None, START_SECONDS):
        fail(words("cli.traffic_none"), 3)
    print(words("cli.traffic_on", rate=f"{rate:g}", url=address))


def stop_traffic(name: str, words: Words, fail: Fail) -> None:
    """The traffic ends when its file is gone."""
    argv = on_client(["rm", TRAFFIC_FILE], name, words, fail)
    gone = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    print(words("cli.traffic_off" if gone else "cli.traffic_none"))


def show_traffic(name: str, words: Words, as_json: bool) -> None:
    """One line, or JSON."""
    data = _read(name, words)
    if as_json:
        print(json.dumps(data))
    elif data is None:
        print(words("cli.traffic_none"))
    else:
        traffic = parse_traffic(data)
        print(words("cli.traffic_status", rate=f"{traffic.rate:g}", seconds=traffic.seconds, asked=traffic.asked,
                    failed=traffic.failed, percent=f"{traffic.error_percent:.1f}"))


def _read(name: str, words: Words) -> dict[str, Any] | None:
    def fail(text: str, code: int) -> NoReturn:
        raise SystemExit(code)

    argv = on_client(["cat", TRAFFIC_FILE], name, words, fail)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    except ValueError:
        return None
