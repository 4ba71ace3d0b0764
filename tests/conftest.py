"""How the tests are dealt out to several processes (pytest-xdist, `./lab test`): a file's tests stay together, as
they share clusters; the labs of one file do not, as each has a cluster of its own.
"""

from __future__ import annotations

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
