"""Owns `lab doctor`: tries in a throw-away sandbox what the kit asks of the kernel, and says what a lack means.

Nothing is looked up in a configuration: a feature is there when using it worked. Exit status 3 when a needed one
is missing; a `note` has a fallback and hinders nobody.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import Annotated, Any

import typer

from swarmkit_py.errors import SwarmError
from topologies import clusters, trials
from topologies.ledger import ledgers
from topologies.places import bases

TOOLS = {
    "mn": "mininet", "brctl": "bridge-utils", "runc": "runc", "conmon": "conmon", "nft": "nftables", "ip": "iproute2",
    "nsenter": "util-linux", "curl": "curl", "docker": "docker.io (its client alone is enough)",
}
OPTIONAL_TOOLS = {
    "tmux": "two terminals instead of one window", "tcpdump": "no packet captures in shells",
    "newuidmap": "as an ordinary user, a sandbox has one user id only", "iperf3": "no throughput measurements",
    "skopeo": "no images from a registry", "tini": "no --init", "etcd": "no swarm of several managers",
}
ONLY_FOR = {"etcd": "13: does not start; the others: fine"}


def register(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs and issue reports.")] = False) -> None:
    """Try what this machine can do, and say which labs mind."""
    found = [*_tools(), *_sandbox(), *_leaks()]
    if as_json:
        print(json.dumps({"results": found, "ok": not _broken(found)}, indent=2, ensure_ascii=False))
    else:
        _print(found)
    if _broken(found):
        sys.exit(3)


def _broken(found: list[dict[str, Any]]) -> bool:
    return any(item["state"] == "fail" for item in found)


def _result(state: str, name: str, text: str, **more: Any) -> dict[str, Any]:
    return {"state": state, "name": name, "text": text, **more}


def _tools() -> list[dict[str, Any]]:
    found = []
    path = clusters.tool_path()
    missing = {tool: package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)}
    for tool, package in missing.items():
        found.append(_result("fail", tool, f"no {tool} command", fix=f"sudo apt-get install {package.split()[0]}"))
    if not missing:
        found.append(_result("ok", "tools", ", ".join(TOOLS)))
    for tool, effect in OPTIONAL_TOOLS.items():
        if not shutil.which(tool, path=path):
            found.append(_result("note", tool, f"no {tool} command → {effect}",
                                 labs=ONLY_FOR.get(tool, "all: fine")))
    return found


def _sandbox() -> list[dict[str, Any]]:
    """Start three bare hosts as any lab does, and try the kernel from within."""
    name = f"doctor-{time.time_ns() // 1000 % 10**9}"
    started = time.monotonic()
    try:
        cluster = clusters.start("three_nodes", name, lifeline=True, daemon="topologies.idle")
    except SwarmError as error:
        return [_result("fail", "sandbox", error.message)]
    seconds = time.monotonic() - started
    try:
        answers = cluster.call("trials")
    finally:
        cluster.stop()
    found = [_result("ok", "sandbox", "user, net, pid, mount, uts and ipc namespaces; Mininet with Linux bridges")]
    found += [_judge(trial, answers[trial.name]) for trial in trials.TRIALS]
    found.append(_result("ok", "speed", f"3 hosts and a client in {seconds:.2f} s", seconds=round(seconds, 3)))
    return found


def _judge(trial: trials.Trial, why_not: str) -> dict[str, Any]:
    if not why_not:
        return _result("ok", trial.name, trial.title)
    if trial.fallback:
        return _result("note", trial.name, f"{trial.title} missing → {trial.fallback}", labs=trial.labs, why=why_not)
    return _result("fail", trial.name, f"{trial.title} does not work: {why_not}", labs=trial.labs)


def _leaks() -> list[dict[str, Any]]:
    left = [ledger for base in bases() if base.is_dir() for ledger in ledgers(base) if not ledger.alive()]
    if not left:
        return [_result("ok", "leaks", "nothing is left of clusters that ended")]
    names = ", ".join(ledger.name for ledger in left)
    return [_result("note", "leaks", f"left over: {names} → the next 'lab up' removes it", labs="all: fine")]


def _print(found: list[dict[str, Any]]) -> None:
    for item in found:
        labs = f"   ({item['labs']})" if item.get("labs") else ""
        print(f"  {item['state']:<5} {item['text']}{labs}")
        if item.get("fix"):
            print(f"        fix: {item['fix']}")
