"""Names of clusters, and where their files lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swarmkit_py.errors import FailedPrecondition, InvalidArgument
from topologies import places


@pytest.mark.parametrize("name", ["a", "03-scaling", "x" * 32, "a_b.c"])
def test_good_names(name: str) -> None:
    assert places.check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a/b", "A", "x" * 33, "a b", "é", "..", "a.json", "a.failed.log"])
def test_bad_names_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"name|characters"):
        places.check_name(name)


def test_runtime_dir_comes_first_and_tmp_is_always_a_candidate(tmp_path: Path) -> None:
    found = places.candidates(os.getuid(), str(tmp_path))
    assert found[0] == tmp_path / "swarmlab"
    assert found[-1] == Path(f"/tmp/swarmlab-{os.getuid()}")


def test_somebody_elses_runtime_dir_is_not_used(tmp_path: Path) -> None:
    stranger = os.getuid() + 1
    assert places.candidates(stranger, str(tmp_path)) == [Path(f"/tmp/swarmlab-{stranger}")]


def test_a_long_base_is_skipped_for_one_where_sockets_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long, short = tmp_path / ("x" * 90), tmp_path / "s"
    monkeypatch.setattr(places, "bases", lambda: [long, short])
    monkeypatch.setattr(places, "SOCKET_PATH_LIMIT", len(str(short)) + 60)
    assert places.choose_base("lab") == short
    assert not long.exists()


def test_a_name_that_fits_nowhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "bases", lambda: [tmp_path / ("x" * 100)])
    with pytest.raises(InvalidArgument, match="too long"):
        places.choose_base("lab")


def test_the_base_is_made_private_again(tmp_path: Path) -> None:
    base = tmp_path / "swarmlab"
    base.mkdir(mode=0o755)
    assert places.make_private(base).stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_the_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "swarmlab").symlink_to(tmp_path)
    with pytest.raises(FailedPrecondition, match="belongs to somebody else"):
        places.make_private(tmp_path / "swarmlab")
