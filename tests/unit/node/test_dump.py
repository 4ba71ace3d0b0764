"""What `swarmd --dump-store` shows of a manager's journal, and what it keeps to itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarmkit_py.__main__ import main
from swarmkit_py.model.specs import SecretSpec
from tests.builders import spec
from tests.unit.node.test_swarm import Rig, rig

__all__ = ["rig"]


async def test_the_objects_without_what_opens_the_swarm(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    manager = await rig.swarm(workers=0)
    manager.control().create_service(spec(replicas=0))
    manager.control().create_secret(SecretSpec(name="pw", data=b"hunter2"))
    tokens = manager.control().get_cluster().join_tokens
    data_root = rig.folder / "1" / "data"
    assert main(["--dump-store", "--data-root", str(data_root)]) == 1, "a journal belongs to the daemon that runs"
    assert "swarmd: " in capsys.readouterr().err
    await manager.stop()
    assert main(["--dump-store", "--data-root", str(data_root)]) == 0
    text = capsys.readouterr().out
    first, *objects = [json.loads(line) for line in text.splitlines()]
    assert first["Index"] > 0
    kinds = [found["Kind"] for found in objects]
    assert {"Cluster", "Node", "Network", "Service", "Secret"} <= set(kinds)
    assert "BEGIN CERTIFICATE" in text, "the root itself is no secret"
    for hidden in ("PRIVATE KEY", tokens.worker, tokens.manager, "aHVudGVyMg", "hunter2"):
        assert hidden not in text


def test_where_no_manager_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dump-store", "--data-root", str(tmp_path)]) == 1
    assert "no manager has kept anything" in capsys.readouterr().err
