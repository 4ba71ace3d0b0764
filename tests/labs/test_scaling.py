"""Lab 03 on a real cluster: its evidence, its results, its reset. What its author says of it: test_all_labs.py."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from labs.kit.folder import find_lab
from labs.kit.judge import score
from labs.kit.referee import Referee
from labs.kit.results import as_json
from labs.kit.running import judge_now
from labs.kit.session import start_again
from labs.kit.world import container_of

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]
LAB = find_lab("03-scaling")


def test_the_evidence_is_quick(scaling: Referee) -> None:
    took = min(scaling.eyes.cluster.call("evidence", tables=["links", "nft"])["seconds"] for _ in range(5))
    assert took < 0.15 * scaling.run.speed


def test_whose_container_a_process_is_needs_no_cgroups_and_agrees_with_them(scaling: Referee) -> None:
    processes = [process for host in scaling.see().hosts.values() for process in host["processes"]]
    said = {process["container"] for process in processes} - {""}
    assert len(said) == 5 and sum(process["init"] and bool(process["container"]) for process in processes) == 5
    by_cgroup = [process for process in processes if container_of({"cgroup": process["cgroup"]})]
    assert [one for one in by_cgroup if one["container"] != container_of({"cgroup": one["cgroup"]})] == []


def test_results_as_json_can_be_read_by_programs(scaling: Referee) -> None:
    words = LAB.words("en", scaling.params)
    text = json.dumps(as_json(scaling, judge_now(scaling, final=False), words, scaling.params.target))
    data = json.loads(text)
    assert (data["score"], data["max_score"], data["schema"]) == (0, 20, 1)
    assert {check["id"] for check in data["checks"]} >= {"sc2", "sc3", "sc6", "sc12", "p"}
    assert all(check["sentence"] and check["where"] for check in data["checks"])


def test_reset_gives_the_lab_back_as_it_was(scaling: Referee, own_state: Path) -> None:
    cluster = scaling.eyes.cluster
    by_hand = "echo 10.9.9.9 web >> /etc/hosts; ip route add 10.9.0.0/16 via 10.7.0.3"
    subprocess.run(cluster.enter_argv("worker1", ["sh", "-c", by_hand]), check=True)
    start_again(scaling, lambda key: None)
    left = subprocess.run(cluster.enter_argv("worker1", ["sh", "-c", "cat /etc/hosts; ip route"]), check=True,
                          capture_output=True, text=True).stdout
    assert "10.9." not in left and "10.7.0.1\tmanager1" in left and "10.7.0.0/24 dev worker1-eth0" in left
    world = scaling.see()
    assert list(world.services) == ["web"] and len(world.live("web")) == 5 and not world.strangers()
    assert all(node.active for node in world.nodes)
    assert score(judge_now(scaling, final=False)) == 0
