"""conmon's log, read back and cut."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from swarmkit_py.runtime.base import LogLine, LogOptions
from swarmkit_py.runtime.logs import LineJoiner, LogFile, parse_record, parse_time, read_logs, tail, wanted

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def line(text: str, at: int = 0, stream: str = "stdout") -> LogLine:
    return LogLine(time=T0 + timedelta(seconds=at), stream=stream, data=text.encode())


def test_time() -> None:
    assert parse_time("2026-01-02T03:04:05.123456789+00:00") == T0.replace(microsecond=123456)
    assert parse_time("2026-01-02T05:04:05+02:00") == T0
    with pytest.raises(ValueError, match="not a time"):
        parse_time("yesterday")


@pytest.mark.parametrize(("record", "data"), [
    (b"2026-01-02T03:04:05.0+00:00 stdout F hello world", b"hello world\n"),
    (b"2026-01-02T03:04:05.0+00:00 stdout P hel", b"hel"),
    (b"2026-01-02T03:04:05.0+00:00 stdout F ", b"\n"),
    (b"2026-01-02T03:04:05.0+00:00 stdout F  two  spaces\r", b" two  spaces\r\n"),
])
def test_records(record: bytes, data: bytes) -> None:
    assert parse_record(record) == LogLine(time=T0, stream="stdout", data=data)


@pytest.mark.parametrize("record", [b"", b"cut off", b"when stdout F x", b"2026-01-02T03:04:05Z stdin F x"])
def test_no_records(record: bytes) -> None:
    assert parse_record(record) is None


def test_half_a_record_waits_for_its_rest() -> None:
    joiner = LineJoiner()
    assert joiner.feed(b"2026-01-02T03:04:05Z stdout F one\n2026-01-02T03:04:05Z std") == [line("one\n")]
    assert joiner.feed(b"err F two\n") == [line("two\n", stream="stderr")]


@pytest.mark.parametrize(("count", "texts"), [
    (-1, ["a\n", "b", "c\n", "d\n"]), (0, []), (1, ["d\n"]), (2, ["b", "c\n", "d\n"]),
    (9, ["a\n", "b", "c\n", "d\n"]),
])
def test_tail_keeps_the_pieces_of_a_line_together(count: int, texts: list[str]) -> None:
    lines = [line("a\n"), line("b"), line("c\n"), line("d\n")]
    assert [kept.data.decode() for kept in tail(lines, count)] == texts


def test_wanted() -> None:
    assert not wanted(line("x"), LogOptions(stdout=False))
    assert not wanted(line("x", stream="stderr"), LogOptions(stderr=False))
    assert not wanted(line("x"), LogOptions(since=T0 + timedelta(seconds=1)))
    assert not wanted(line("x", 2), LogOptions(until=T0 + timedelta(seconds=1)))
    assert wanted(line("x"), LogOptions(since=T0, until=T0))


def test_a_file_started_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    path, fresh = tmp_path / "log", tmp_path / "fresh"
    reader = LogFile(path)
    assert reader.read_new() == []
    path.write_bytes(b"2026-01-02T03:04:05Z stdout F one\n")
    assert reader.read_new() == [line("one\n")] and reader.read_new() == []
    fresh.write_bytes(b"2026-01-02T03:04:05Z stdout F two\n")
    fresh.replace(path)
    assert reader.read_new() == [line("two\n")]


async def test_stored_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"2026-01-02T03:04:05Z stdout F %d\n" % number for number in range(5)))
    found = [found async for found in read_logs(path, LogOptions(tail=2), lambda: True, None)]
    assert [one.data for one in found] == [b"3\n", b"4\n"]
