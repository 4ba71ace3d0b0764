"""Owns `lab probe`: requests from the client that are all kept, so that a hole of a tenth of a second can be seen."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from typing import NoReturn

from labs.kit.loading import FASTEST, START_SECONDS, on_client, the_url
from labs.kit.probe import PROBE_FILE, PROBE_FLAG, Shot, parse_shots, script
from labs.kit.waiting import until
from labs.kit.words import Words

Fail = Callable[[str, int], NoReturn]


def start_probe(rate: float, url: str, name: str, words: Words, fail: Fail) -> None:
    """Start it in the background; returns once it runs. What an earlier probe saw is kept."""
    if not 1 <= rate <= FASTEST:
        fail(words("cli.traffic_rate", rate=f"{rate:g}"), 2)
    address = the_url(url, name, words, fail)
    if _runs(name, words, fail):
        fail(words("cli.probe_already"), 1)
    argv = on_client(script("probe", rate, PROBE_FILE, PROBE_FLAG, address), name, words, fail)
    subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                     start_new_session=True)
    if not until(lambda: _runs(name, words, fail), START_SECONDS):
        fail(words("cli.probe_none"), 3)
    print(words("cli.probe_on", rate=f"{rate:g}", url=address))


def stop_probe(name: str, words: Words, fail: Fail) -> None:
    """It ends when its flag is gone."""
    gone = _quiet(["rm", PROBE_FLAG], name, words, fail).returncode == 0
    print(words("cli.probe_off" if gone else "cli.probe_none"))


def show_probe(name: str, words: Words, fail: Fail) -> None:
    """Who served how often, what failed, and the longest time without a good answer."""
    shots = parse_shots(_quiet(["cat", PROBE_FILE], name, words, fail).stdout.splitlines())
    if not shots:
        print(words("cli.probe_none"))
        return
    for version, times in Counter(shot.server or "?" for shot in shots if shot.good).most_common():
        print(f"{times:>6}  {version}")
    failed = sum(not shot.good for shot in shots)
    print(words("cli.probe_status", asked=len(shots), failed=failed, percent=f"{availability(shots):.2f}",
                gap=f"{longest_gap(shots):.2f}"))


def availability(shots: list[Shot]) -> float:
    """Good answers in percent of all; 0 without any."""
    return 100.0 * sum(shot.good for shot in shots) / len(shots) if shots else 0.0


def longest_gap(shots: list[Shot]) -> float:
    """Seconds of the longest row of failures, from the last good answer before it to the first after it."""
    longest, last_good, failing = 0.0, None, False
    for shot in shots:
        if shot.good:
            if failing and last_good is not None:
                longest = max(longest, shot.t - last_good)
            last_good, failing = shot.t, False
        else:
            failing = True
    if failing and last_good is not None:
        longest = max(longest, shots[-1].t - last_good)
    return longest


def lost(shots: list[Shot], begin: float = float("-inf"), end: float = float("inf")) -> int:
    """How many asked between these moments (monotonic seconds) got no good answer."""
    return sum(not shot.good for shot in shots if begin <= shot.t <= end)


def longest_pause(shots: list[Shot]) -> float:
    """Seconds of the longest time without a question."""
    return max((later.t - shot.t for shot, later in zip(shots, shots[1:], strict=False)), default=0.0)


def _runs(name: str, words: Words, fail: Fail) -> bool:
    return _quiet(["test", "-e", PROBE_FLAG], name, words, fail).returncode == 0


def _quiet(argv: list[str], name: str, words: Words, fail: Fail) -> subprocess.CompletedProcess[str]:
    command = on_client(argv, name, words, fail)
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
