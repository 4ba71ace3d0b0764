"""Records what a trace is told from, for the tests: `python -m tests.unit.labs.record_trace CLUSTER SOURCE URL FILE`.

Not a test: it wants a running cluster (`lab up three_nodes`, a swarm, a service `web` on port 80 of one task).
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from labs.kit.trace import ask, hosts
from labs.kit.trace.kernels import Kernels
from topologies import clusters

KEPT = ("links", "fdb", "neighbours", "nft")


def main() -> None:
    """Trace once, and keep what the scripts and the kernels said."""
    name, source, url, file = sys.argv[1:]
    kept: dict[str, Any] = {"url": url, "source": source, "collected": []}
    collect, evidence = hosts.collect, ask.tell

    def keeping_collect(*words: Any) -> Any:
        kept["collected"].append(collect(*words))
        return kept["collected"][-1]

    def keeping_tell(found: ask.Evidence, scene: ask.Scene) -> Any:
        kept.update(_plain(found), kernels=_kernels(scene.kernels), machines=scene.machines,
                    published=scene.published)
        return evidence(found, scene)

    ask.collect, ask.tell = keeping_collect, keeping_tell  # type: ignore[attr-defined]
    ask.trace(clusters.find(name), source, ask.parse(url))
    kept["frames"] = {host: got["frames"] for host, got in kept.pop("collected")[-1].items()}
    Path(file).write_text(json.dumps(kept, separators=(",", ":")) + "\n")


def _plain(found: ask.Evidence) -> dict[str, Any]:
    return {"target": dataclasses.asdict(found.target), "result": dataclasses.asdict(found.result),
            "port": found.ports.client, "nonce": found.nonce.decode(), "place": found.place.inode,
            "entry": found.entry.inode if found.entry else 0, "rules": found.rules, "texts": found.texts,
            "record": found.record, "names": found.names}


def _kernels(kernels: Kernels) -> dict[str, Any]:
    """The evidence, less what a trace does not read."""
    hosts_of = {name: {"netns": host["netns"], "listening": host["listening"], "namespaces": {
        inode: {key: tables[key] for key in KEPT if key in tables} for inode, tables in host["namespaces"].items()}}
        for name, host in kernels.hosts.items()}
    return {"hosts": hosts_of, "paths": {inode: place.path for inode, place in kernels.places.items()}}


if __name__ == "__main__":
    main()
