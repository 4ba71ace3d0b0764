"""The notes' commands for updates and rollbacks, and jobs, with the real docker command on real hosts: what is
printed to the end of each progress, and what the swarm says afterwards."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.docker_clis import cli_parameters
from tests.engine.hosts import Hosts, running_swarm

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(300)]

CONVERGED = re.compile(r"verify: Service (\w+ )?converged")


@pytest.fixture(scope="module", params=cli_parameters())
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    docker: Path = request.param
    with running_swarm(docker) as cluster:
        yield cluster


@pytest.fixture
def web(hosts: Hosts) -> Iterator[Hosts]:
    """Five replicas of nginx:1.18 behind port 80."""
    hosts.docker("manager1", "service", "create", "--replicas", "5", "-p", "80:80", "--name", "web", "-d",
                 "--update-monitor", "2s", "--rollback-monitor", "2s", "nginx:1.18")
    hosts.until(lambda: images(hosts) == ["nginx:1.18"] * 5, "five tasks run", within=40)
    yield hosts
    hosts.docker("manager1", "service", "rm", "web")
    hosts.until(lambda: hosts.table("manager1", "ps", "-q") == [], "manager1 is empty")


def images(hosts: Hosts) -> list[str]:
    """The image of each task that runs, by its place."""
    rows = hosts.docker("manager1", "service", "ps", "web", "--filter", "desired-state=running", "--format",
                        "{{.Name}} {{.Image}} {{.CurrentState}}").splitlines()
    return [row.split()[1] for row in sorted(rows) if row.split()[2] == "Running"]


def status(hosts: Hosts) -> str:
    shown = "{{if .UpdateStatus}}{{.UpdateStatus.State}}: {{.UpdateStatus.Message}}{{end}}"
    return hosts.docker("manager1", "service", "inspect", "web", "--format", shown).strip()


def update(hosts: Hosts, *words: str) -> subprocess.CompletedProcess[str]:
    return hosts.run("manager1", "service", "update", *words, "web")


def test_the_notes_update_and_rollback(web: Hosts) -> None:
    done = update(web, "--image", "nginx:1.19", "--update-parallelism", "2", "--update-delay", "2s")
    assert done.returncode == 0 and CONVERGED.search(done.stdout), done.stdout + done.stderr
    assert images(web) == ["nginx:1.19"] * 5
    web.until(lambda: status(web) == "completed: update completed", "the update ends")
    pretty = web.docker("manager1", "service", "inspect", "--pretty", "web")
    assert re.search(
        r"UpdateStatus:\n State:\t\tcompleted\n Started:\t.*\n Completed:\t.*\n Message:\tupdate completed", pretty)
    assert re.search(r"UpdateConfig:\n Parallelism:\t2\n Delay:\t\t2s\n On failure:\tpause", pretty)
    history = web.table("manager1", "service", "ps", "web")
    assert len(history) == 10 and sum(r" \_ web." in row and "Shutdown" in row for row in history) == 5

    done = update(web, "--rollback")
    assert done.returncode == 0, done.stderr
    assert "rollback: manually requested rollback" in done.stdout
    assert "overall progress: rolling back update: 5 out of 5 tasks" in done.stdout and CONVERGED.search(done.stdout)
    assert images(web) == ["nginx:1.18"] * 5
    web.until(lambda: status(web) == "rollback_completed: rollback completed", "the rollback ends")


def test_a_change_that_concerns_no_task_replaces_none(web: Hosts) -> None:
    before = web.docker("manager1", "service", "ps", "-q", "web")
    done = update(web, "--update-parallelism", "2", "--label-add", "a=b")
    assert done.returncode == 0 and CONVERGED.search(done.stdout)
    assert web.docker("manager1", "service", "ps", "-q", "web") == before
    assert status(web) == ""


def test_an_image_that_is_not_there_pauses_the_update(web: Hosts) -> None:
    done = update(web, "--image", "nginx:nosuch")
    assert done.returncode == 1
    said = re.search(r"service update paused: (update paused due to failure or early termination of task \w{25})\n",
                     done.stderr)
    assert said is not None, done.stderr
    assert status(web) == f"paused: {said[1]}"
    rows = web.table("manager1", "service", "ps", "--no-trunc", "web")
    assert any("Rejected" in row and '"No such image: nginx:nosuch"' in row for row in rows)
    assert images(web) == ["nginx:1.18"] * 4
    done = update(web, "--image", "nginx:1.19")
    assert done.returncode == 0 and images(web) == ["nginx:1.19"] * 5


def test_a_broken_image_rolls_back_by_itself(web: Hosts) -> None:
    done = update(web, "--update-failure-action", "rollback", "--image", "nginx:1.20-broken")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"rollback: update rolled back due to failure or early termination of task \w{25}\n", done.stdout)
    assert CONVERGED.search(done.stdout)
    assert images(web) == ["nginx:1.18"] * 5
    web.until(lambda: status(web) == "rollback_completed: rollback completed", "the rollback ends")
    refused = web.docker_error("manager1", "service", "rollback", "web")
    assert "does not have a previous spec" in refused, "an automatic rollback leaves none behind"


def test_start_first_never_runs_fewer_than_asked(web: Hosts) -> None:
    update(web, "-d", "--update-order", "start-first", "--update-parallelism", "1", "--image", "nginx:1.19")
    counts = []

    def all_new() -> bool:
        rows = web.docker("manager1", "service", "ls", "--filter", "name=web", "--format", "{{.Replicas}}")
        counts.append(int(rows.partition("/")[0]))
        return images(web) == ["nginx:1.19"] * 5

    web.until(all_new, "all five are new", within=40)
    assert min(counts) >= 5, counts


def test_force_replaces_every_task(web: Hosts) -> None:
    before = set(web.docker("manager1", "service", "ps", "-q", "web").split())
    done = update(web, "--force", "--update-parallelism", "0")
    assert done.returncode == 0 and CONVERGED.search(done.stdout)
    running = web.docker("manager1", "service", "ps", "-q", "web", "--filter", "desired-state=running").split()
    assert len(running) == 5 and before.isdisjoint(running)


def test_jobs_run_to_their_end_and_again(hosts: Hosts) -> None:
    made = hosts.docker("manager1", "service", "create", "--name", "job", "--mode", "replicated-job",
                        "--replicas", "5", "--max-concurrent", "2", "nginx:1.18", "true")
    assert made.rstrip().endswith("job complete")
    assert "0/2 (5/5 completed)" in hosts.docker("manager1", "service", "ls")
    before = set(hosts.docker("manager1", "service", "ps", "-q", "job").split())
    hosts.docker("manager1", "service", "update", "--force", "-d", "job")
    hosts.until(lambda: "(5/5 completed)" in hosts.docker("manager1", "service", "ls") and before.isdisjoint(
        hosts.docker("manager1", "service", "ps", "-q", "job").split()), "it ran again")
    everywhere = hosts.docker("manager1", "service", "create", "--name", "each", "--mode", "global-job", "nginx:1.18",
                              "true")
    assert everywhere.rstrip().endswith("job complete")
    assert "(3/3 completed)" in hosts.docker("manager1", "service", "ls", "--filter", "name=each")
    hosts.docker("manager1", "service", "rm", "job", "each")
