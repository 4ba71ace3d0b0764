"""Replays a recording on a running cluster: fills in ids and tokens, types each command, hands back what it said."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from tests.engine.golden_text import FOLDER, HOSTS, Step, ours
from tests.engine.hosts import Hosts

WELL_FORMED = "SWMTKN-1-" + "3pu6hszjas19xyp7ghgosyx9k8atbfcr8p2is99znpy26u2lkl"[:50] + "-1awxwuwd3z9j1z3puu7rcgdbx"
SECONDS = 120
COMPOSE = FOLDER / "one28.yml"


class Replay:
    """One walk through a recording."""

    def __init__(self, hosts: Hosts, docker: Path) -> None:
        self.hosts, self.docker = hosts, docker
        self.worker_token = ""

    def prepare(self) -> None:
        """The recorded swarm had a small image in no registry, in two versions: two of the kit's, under its name."""
        for host in HOSTS.values():
            self.hosts.docker(host, "tag", "nginx:1.18", "swb/tiny:1")
            self.hosts.docker(host, "tag", "nginx:1.19", "swb/tiny:2")

    def between(self, step: Step) -> None:
        """What was typed before this step and not recorded; the histories in the recording tell of it."""
        update = ("service", "update", "--image")
        if step.file.startswith("062") and step.number == 1:  # looked at while it was under way
            self.hosts.docker("manager1", *update, "swb/tiny:2", "--detach", "web")
        if step.file.startswith("064"):
            self.hosts.docker("manager1", *update, "swb/tiny:1", "web")

    def run(self, step: Step) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of one command, typed on its host."""
        line = ours(self._filled(step))
        socket = self.hosts.socket(HOSTS[step.host])
        env = {"PATH": f"{self.docker.parent}:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{socket}",
               "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "COMPOSE": str(COMPOSE)}
        process = subprocess.Popen(["bash", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=env, start_new_session=True)
        try:
            out, err = process.communicate(timeout=step.interrupted or SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT if step.interrupted else signal.SIGKILL)
            out, err = process.communicate(timeout=SECONDS)
        return process.returncode, out, err

    def _filled(self, step: Step) -> str:
        """The command with what was masked in it filled in again."""
        command = step.command
        if "<TOKEN>" in command:
            command = command.replace("<TOKEN>", self._token(step))
        if step.file.startswith("089"):
            web = self.hosts.docker("manager1", "service", "ls", "-q", "--filter", "name=web").split()[0]
            command = re.sub(r"<ID>$|\b[0-9a-z]{4}$", web[:8], command)
        return command

    def _token(self, step: Step) -> str:
        """Of the bad tokens one has a wrong secret, one the digest of another root."""
        if step.file.startswith("004"):
            return WELL_FORMED
        if not self.worker_token:
            self.worker_token = self.hosts.docker("manager1", "swarm", "join-token", "-q", "worker").strip()
        if step.file.startswith("013"):
            start, digest, secret = self.worker_token.rsplit("-", 2)
            wrong_digest = f"{WELL_FORMED.rsplit('-', 1)[0]}-{secret}"
            return f"{start}-{digest}-{secret[::-1]}" if step.number == 1 else wrong_digest
        return self.worker_token
