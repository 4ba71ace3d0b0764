from __future__ import annotations

from pathlib import Path

from swarmkit_py.network.records import Assigned, Records
from tests.unit.network.build import ME, endpoint, ingress, task


def test_what_is_saved_is_found_again(tmp_path: Path) -> None:
    record = task("t1", "10.0.0.5/24")
    Records(tmp_path).save(record)
    assert Records(tmp_path).load() == {"t1": record}
    Records(tmp_path).forget("t1")
    Records(tmp_path).forget("t1")
    assert Records(tmp_path).load() == {}


def test_a_damaged_record_counts_as_absent(tmp_path: Path) -> None:
    Records(tmp_path).save(task("t1", "10.0.0.5/24"))
    (tmp_path / "sandboxes" / "t2.json").write_text('{"Mode": "ta')
    assert set(Records(tmp_path).load()) == {"t1"}
    assert not (tmp_path / "sandboxes" / "t2.json").exists()


def test_assignments(tmp_path: Path) -> None:
    assert Records(tmp_path).load_assigned() == Assigned()
    assigned = Assigned(node_address=ME, networks={"ing": ingress("10.0.0.3")}, endpoints={"tcp/80": endpoint(80)})
    Records(tmp_path).save_assigned(assigned)
    assert Records(tmp_path).load_assigned() == assigned
