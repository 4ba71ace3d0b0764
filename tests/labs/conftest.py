"""Labs on real clusters. State and progress go to a directory of the test's own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.kit.folder import find_lab
from labs.kit.referee import Referee
from labs.kit.session import open_session


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def scaling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Referee]:
    """One cluster with lab 03 as given; tests that change it put it back with `start_again`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        with open_session(find_lab("03-scaling"), f"t{uuid.uuid4().hex[:8]}", None, lambda key: None) as referee:
            yield referee
