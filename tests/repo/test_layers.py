"""Imports point only at what is simpler, and siblings do not know each other.

A module may import its own component, at its own level or below, and any component of a lower level. Components of
one level meet through the store, through a message, or through a protocol further down: never by importing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repo.imports import Import, imports_of, modules_of

LEVELS: tuple[tuple[str, ...], ...] = (
    ("swarmkit_py", "swarmkit_py.errors", "swarmkit_py.ids", "swarmkit_py.clock"),
    ("swarmkit_py.model", "swarmkit_py.seal"),
    ("swarmkit_py.runtime.base", "swarmkit_py.runtime.base_extras", "swarmkit_py.runtime.base_mounts"),
    ("swarmkit_py.store", "swarmkit_py.rpc", "swarmkit_py.template", "swarmkit_py.ca", "swarmkit_py.runtime.images",
     "swarmkit_py.runtime.layers", "swarmkit_py.runtime.reference", "swarmkit_py.network.base",
     "swarmkit_py.network.netlink", "swarmkit_py.network.firewall", "swarmkit_py.network.nftables",
     "swarmkit_py.network.namespaces"),
    ("swarmkit_py.manager", "swarmkit_py.etcd"),
    ("swarmkit_py.manager.control", "swarmkit_py.manager.orchestrator", "swarmkit_py.manager.allocator",
     "swarmkit_py.manager.scheduler", "swarmkit_py.manager.dispatcher", "swarmkit_py.agent",
     "swarmkit_py.runtime", "swarmkit_py.network", "swarmkit_py.ca.server", "swarmkit_py.ca.reconciler",
     "swarmkit_py.manager.roles"),
    ("swarmkit_py.manager.rebalancer",),
    ("swarmkit_py.manager.manager", "swarmkit_py.docker_api"),
    ("swarmkit_py.node", "swarmkit_py.sim"),
    ("swarmkit_py.__main__",),
)
"""A name stands for its module or package, except for what is named more exactly elsewhere (so the row of
`swarmkit_py.manager` is what all managers' components share: defaults, constraints, the shape of a loop)."""

ONE_COMPONENT = ("swarmkit_py.runtime", "swarmkit_py.network", "swarmkit_py.ca")
"""Packages that span two levels: a door below, what uses it above."""

ALLOWED_IN = {
    "topologies": ("topologies.zygote",),
    "labs": ("labs.kit.bench", "labs.kit.sim_command"),
}
"""Who, outside of the swarm, may import it: the parent that node daemons are forked from, the benchmarks, and the
command that runs the simulation (which is of the swarm's own parts, and has no API to be reached through)."""

FOR_EVERYBODY = "swarmkit_py.errors."
"""One exception tree for the whole kit."""

LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}


def place(module: str) -> tuple[str, int]:
    """The component that a module (or a name in one) belongs to, and its level."""
    name = module
    while name not in LEVEL_OF:
        name = name.rpartition(".")[0]
    if name == "swarmkit_py" and module not in ("swarmkit_py", "swarmkit_py.__version__"):
        raise AssertionError(f"{module} has no level: say in LEVELS where it belongs")
    component = next((c for c in ONE_COMPONENT if name == c or name.startswith(c + ".")), name)
    return component, LEVEL_OF[name]


def complaint(found: Import) -> str | None:
    """What is wrong with an import between modules of the swarm; None if nothing is."""
    if not (found.target == "swarmkit_py" or found.target.startswith("swarmkit_py.")):
        return None
    (component, level), (other, other_level) = place(found.module), place(found.target)
    if other_level < level or (component == other and other_level == level):
        return None
    direction = "upwards" if other_level > level else "sideways"
    return f"{found.module}:{found.line} imports {direction}: {found.target}"


def test_every_module_has_a_level() -> None:
    for module in sorted(modules_of("swarmkit_py")):
        place(module)


def test_imports_point_downwards() -> None:
    assert [said for found in imports_of("swarmkit_py") if (said := complaint(found))] == []


def test_the_swarm_does_not_know_that_it_is_emulated() -> None:
    outside = ("mininet", "topologies", "labs", "images", "tests")
    assert [found for found in imports_of("swarmkit_py") if found.target.split(".")[0] in outside] == []


def test_topologies_and_labs_reach_the_swarm_through_its_api_only() -> None:
    strays = [found for package, allowed in ALLOWED_IN.items() for found in imports_of(package)
              if found.target.split(".")[0] == "swarmkit_py" and not found.target.startswith(FOR_EVERYBODY)
              and not any(found.module == name or found.module.startswith(name + ".") for name in allowed)]
    assert strays == []


def test_topologies_do_not_know_the_labs() -> None:
    assert [found for found in imports_of("topologies") if found.target.split(".")[0] in ("labs", "tests")] == []


@pytest.mark.parametrize(("path", "line", "said"), [
    ("model/bad.py", "from swarmkit_py.store.memory import Store", "upwards"),
    ("manager/scheduler/bad.py", "import swarmkit_py.manager.orchestrator.slots", "sideways"),
    ("agent/bad.py", "def f():\n    from swarmkit_py.manager.dispatcher import x", "sideways"),
    ("network/netlink.py", "from swarmkit_py.network.overlay import x", "upwards"),
    ("network/overlay.py", "from swarmkit_py.network.netlink import x", None),
    ("store/fine.py", "from swarmkit_py.model.objects import Task\nimport asyncio", None),
])
def test_the_rule_itself(tmp_path: Path, path: str, line: str, said: str | None) -> None:
    file = tmp_path / "swarmkit_py" / path
    file.parent.mkdir(parents=True)
    file.write_text(line)
    complaints = [text for found in imports_of("swarmkit_py", root=tmp_path) if (text := complaint(found))]
    assert [said in text for text in complaints] == [True] if said else complaints == []
