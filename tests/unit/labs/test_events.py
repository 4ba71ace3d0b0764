"""What happened in a cluster: read from the engines' events, kept in a file, asked for by kind, action and name."""

from __future__ import annotations

from pathlib import Path

from labs.kit.events import EVENTS_FILE, Event, note, read_events, write
from labs.kit.probe import Shot, parse_shots
from labs.kit.probing import availability, longest_gap
from labs.kit.recorder import read_event


def test_an_engine_s_event_has_the_time_of_this_machine_s_clock() -> None:
    raw = {"Type": "container", "Action": "die", "timeNano": 1_700_000_010_500_000_000,
           "Actor": {"ID": "c1", "Attributes": {"name": "web.1.x", "exitCode": "137"}}}
    event = read_event("worker1", raw, offset=1_700_000_000.0)
    assert event == Event(10.5, "worker1", "container", "die", "web.1.x", "c1",
                          {"name": "web.1.x", "exitCode": "137"})


def test_events_are_kept_in_the_order_of_their_times_whoever_wrote_them(tmp_path: Path) -> None:
    path = tmp_path / EVENTS_FILE
    write(path, [Event(3.0, "a", "node", "update", "worker1"), Event(1.0, "b", "container", "start", "web.1")])
    note(tmp_path, "poweroff", "worker2", why="asked")
    with path.open("a") as file:
        file.write('{"t": 5, "ho')  # cut short
    found = read_events(path)
    assert [event.kind for event in found] == ["container", "node", "lab"]
    assert [event.data for event in found.of("lab", "poweroff", host="worker2")] == [{"why": "asked"}]
    assert found.of("container", "die") == [] and read_events(tmp_path / "none").found == ()


def test_what_a_service_was_asked_to_be(tmp_path: Path) -> None:
    path = tmp_path / EVENTS_FILE
    write(path, [Event(1.0, "m", "service", "create", "web", "s", {"Spec": {"Name": "web"}}),
                 Event(2.0, "m", "service", "update", "web", "s", {"name": "web"}),
                 Event(3.0, "m", "service", "update", "api", "t", {"Spec": {"Name": "api"}})])
    assert [event.t for event in read_events(path).changes("web")] == [1.0]


def shot(t: float, status: int = 200) -> Shot:
    return Shot(t, "http://x/", status, "Server: nginx/1.18.0\n\nhello", 1.0)


def test_a_gap_is_from_the_last_good_answer_to_the_next() -> None:
    shots = [shot(1.0), shot(1.1, 0), shot(1.2, 502), shot(1.5), shot(1.6, 0)]
    assert longest_gap(shots) == 0.5
    assert availability(shots) == 40.0
    assert longest_gap([shot(1.0)]) == longest_gap([]) == 0.0
    assert shots[0].server == "nginx/1.18.0"


def test_a_probe_s_file_is_read_while_it_is_written() -> None:
    lines = ['{"t": 2, "url": "u", "status": 200, "text": "", "ms": 1}', '{"t": 1, "url": "u", "status": 0, '
             '"text": "refused", "ms": 2}', '{"t": 3, "ur']
    assert [found.status for found in parse_shots(lines)] == [0, 200]
