"""Which user ids a sandbox gets."""

from __future__ import annotations

from pathlib import Path

from topologies import idmap

SUBUID = "ana:100000:65536\n# ben:1:2\n1002:165536:65536\nbroken\nbad:x:y\n"


def test_own_lines_of_subuid_by_name_or_number() -> None:
    assert idmap.subordinate_ranges(SUBUID, ["ana", "1001"]) == [(100000, 65536)]
    assert idmap.subordinate_ranges(SUBUID, ["ben", "1002"]) == [(165536, 65536)]
    assert idmap.subordinate_ranges(SUBUID, []) == [(100000, 65536), (165536, 65536)]


def test_roots_sandboxes_share_no_ids() -> None:
    first = idmap.range_for_root([], [])
    second = idmap.range_for_root([first], [])
    assert second >= first + idmap.RANGE


def test_roots_sandbox_avoids_subordinate_ranges() -> None:
    start = idmap.FIRST_FOR_ROOT
    chosen = idmap.range_for_root([], [(start - 10, 20), (start + idmap.RANGE + 1, 1)])
    assert chosen == start + 2 * idmap.RANGE


def test_roots_map_gives_the_sandbox_none_of_the_machines_accounts() -> None:
    uids, gids = idmap.maps_for(0, 0, idmap.FIRST_FOR_ROOT, "root")
    assert uids == gids == [idmap.IdMap(0, idmap.FIRST_FOR_ROOT, idmap.RANGE)]


def test_without_a_range_of_his_own_a_user_is_alone() -> None:
    uids, gids = idmap.maps_for(4242, 4243, 0, "nobody-has-this-name")
    assert (uids, gids) == ([idmap.IdMap(0, 4242, 1)], [idmap.IdMap(0, 4243, 1)])


def test_the_way_out_names_the_switch(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    assert "kernel.apparmor_restrict_unprivileged_userns=0" in idmap.way_out(tmp_path)
    assert "sudo" in idmap.way_out(tmp_path)
    assert "sudo" in idmap.way_out(tmp_path / "nothing")
