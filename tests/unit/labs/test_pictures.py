"""The pictures of docs/concepts: what was watched becomes stories, and stories become marks."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from labs.kit.pictures.__main__ import FOLDER, PICTURES, main
from labs.kit.pictures.overlays import cells, overlay
from labs.kit.pictures.timelines import chains, update
from labs.kit.pictures.watching import Log, Story, seconds_of, watching
from tests.unit.labs.test_trace import kernels, recorded
from tests.waiting import wait_for


def task(id_: str, slot: int, state: str, second: float, image: str = "nginx:1.18") -> dict[str, Any]:
    status = {"State": state, "Timestamp": f"2026-01-01T00:00:{second:012.9f}Z"}
    return {"ID": id_, "ServiceID": "s1", "Slot": slot, "NodeID": "n1", "Status": status,
            "Spec": {"ContainerSpec": {"Image": f"{image}@sha256:0"}}}


def watched() -> Log:
    log = Log({"s1": "web"})
    for second, state in ((1, "assigned"), (1, "assigned"), (1.25, "running"), (3, "shutdown")):
        log.add([task("old", 1, state, second)])
    for second, state in ((2.5, "pending"), (4, "running")):
        log.add([task("new", 1, state, second, "nginx:1.20")])
    return log


def test_each_state_is_kept_once_with_its_own_time() -> None:
    log = watched()
    old = log.stories["old"]
    begin = old.began
    assert [(time - begin, state) for time, state in old.states] == [
        (0, "assigned"), (0.25, "running"), (2, "shutdown")]
    assert (old.name, old.image, old.node) == ("web.1", "nginx:1.18", "n1")


def test_times_have_nine_digits_or_none() -> None:
    assert seconds_of("2026-01-01T00:00:00.250000001Z") - seconds_of("2026-01-01T00:00:00Z") == pytest.approx(0.25)


def test_looks_go_on_until_the_block_ends() -> None:
    log, looks = Log({"s1": "web"}), iter(range(1, 1000000))
    with watching(lambda: [task("t", 1, f"state{next(looks)}", 1)], log):
        wait_for(lambda: len(log.stories.get("t", Story("", "", "")).states) > 2, "it looks again and again")
    assert [state for _, state in log.stories["t"].states[:3]] == ["state1", "state2", "state3"]


def test_a_chain_has_a_box_for_each_state_and_how_long_it_took() -> None:
    drawn = chains([("it is replaced", watched().stories["old"])], 0, "A task")
    ElementTree.fromstring(drawn)
    assert re.findall(r">(assigned|running|shutdown)<", drawn) == ["assigned", "running", "shutdown"]
    assert "250.00 ms" in drawn and "1.75 s" in drawn and "web.1: it is replaced" in drawn


def test_an_update_has_a_row_a_slot_and_a_colour_an_image() -> None:
    drawn = update(list(watched().stories.values()), "An update", "said", {"n1": "worker1"})
    ElementTree.fromstring(drawn)
    assert drawn.count(">web.1<") == 1 and "nginx:1.18" in drawn and "nginx:1.20" in drawn
    waits, runs = ([(int(x), int(width)) for x, width in re.findall(
        rf'<rect x="(\d+)" y="96" width="(\d+)" height="24" rx="5" fill="{colour}"', drawn)]
        for colour in ("#fff0c2", "#8fc7f5"))
    assert waits[-1][0] + waits[-1][1] == runs[0][0], "it waits until it runs"


def test_the_overlay_picture_is_what_the_kernels_have() -> None:
    found = cells(kernels(), recorded()["names"])
    assert set(found[4096]) == {"manager1", "worker1", "worker2"}
    assert any("web.1" in member for member in found[4096]["worker1"].members)
    assert found[4096]["worker2"].peers == ("10.7.0.1", "10.7.0.2")
    hosts = {"manager1": "10.7.0.1", "worker1": "10.7.0.2", "worker2": "10.7.0.3"}
    drawn = overlay(kernels(), recorded()["names"], {4096: "ingress"}, hosts, "Who")
    ElementTree.fromstring(drawn)
    assert drawn.count("ingress: VNI 4096") == 3 and "sends to 10.7.0.1" in drawn


def test_every_picture_there_is_is_in_the_docs_and_drawn_by_a_name() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(PICTURES)
    pages = "".join(path.read_text() for path in (FOLDER.parent / "concepts").glob("*.md"))
    assert all(f"../pictures/{name}.svg" in pages for name in PICTURES)
    assert main(["nosuch"]) == 2
