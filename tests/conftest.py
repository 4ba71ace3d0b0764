"""How the tests are dealt out to several processes (pytest-xdist, `./lab test`): a file's tests stay together, as
they share clusters; the labs of one file do not, as each has a cluster of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    """The file, and the cluster if the test names one as the parameter of its fixture `referee`."""
    file = item.nodeid.partition("::")[0]
    parameters = getattr(item, "callspec", None)
    lab = parameters.params.get("referee") if parameters else None
    return f"{file}:{lab}" if lab else file


@pytest.fixture
def own_base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory that only this test uses: every start of a cluster sweeps what it finds in the one that
    it shares, so a test that leaves something to be swept must not share it with the tests that run beside it.
    Short: sockets lie in it, and their paths have a limit.
    """
    with tempfile.TemporaryDirectory(prefix="k-") as path:
        monkeypatch.setenv("XDG_RUNTIME_DIR", path)
        yield Path(path)
