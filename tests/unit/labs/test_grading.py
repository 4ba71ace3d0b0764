"""Hand-ins that nobody vouches for, and the reports written of them."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from labs.kit.clocks import local_zone
from labs.kit.events import GIVEN, Event, Events
from labs.kit.grading import pages, writers
from labs.kit.grading.command import file_names
from labs.kit.grading.handin import Command, HandIn, Sitting, chain_holds, chained, gather, of_bytes
from labs.kit.grading.pool import grade_all
from labs.kit.grading.submit import pack, read_typed, typed
from labs.kit.grading.tokens import typed_again
from labs.kit.grading.worker import broken, refused

MANIFEST = {"format": 1, "student": "Zoé", "lab": "03-scaling", "seed": "s1"}
LS = Command("client", "ls")


def zipped(files: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def swlab(**files: str | bytes) -> bytes:
    return zipped({"manifest.json": json.dumps(MANIFEST), "answers.json": "{}", **{
        name.replace("__", "."): data for name, data in files.items()}})


def one(name: str, data: bytes) -> HandIn:
    [found] = of_bytes(name, data)
    return found


def test_what_is_packed_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"t":1}\n{"t":2}\n{"t"')
    results = {"lab": "03-scaling", "seed_id": "s1", "lab_hash": "x", "host_facts": {}}
    commands = [Command("manager1", "docker node ls\ndocker ps", 1.5), Command("client", "lab load 4 é", 2.5)]
    found = one("x.swlab", pack("Zoé", results, {"P1": "4/3/3"}, commands, tmp_path))
    sitting = Sitting({}, local_zone())
    assert found == HandIn("Zoé", "03-scaling", "s1", tuple(commands), {"P1": "4/3/3"}, sitting=sitting)


def test_a_script_is_typed_where_it_says() -> None:
    found = one("bob.sh", b"# me\ndocker ps\n@predict p1 4/3/3\n@step x\n@worker1\n  true\n")
    assert found.commands == (Command("manager1", "docker ps"), Command("worker1", "  true"))
    assert found.said == {"P1": "4/3/3"} and found.student == "bob" and not found.problem


@pytest.mark.parametrize(("name", "data", "says"), [
    ("a.swlab", b"not a zip", "no zip"),
    ("a.swlab", zipped({}), "manifest.json is missing"),
    ("a.swlab", swlab(manifest__json="[]"), "does not hold"),
    ("a.swlab", swlab(manifest__json="[" * 100_000), "not JSON"),
    ("a.swlab", swlab(manifest__json=b"\xff\xfe"), "UTF-8"),
    ("a.swlab", swlab(manifest__json='{"format": 9}'), "format"),
    ("a.swlab", zipped({"../../etc/passwd": "x"}), "paths"),
    ("a.swlab", zipped({"/etc/passwd": "x"}), "paths"),
    ("a.swlab", swlab(commands__jsonl="ls\n"), "no command"),
    ("a.swlab", swlab(commands__jsonl='{"host": "m", "line": "\\u0003"}\n'), "control"),
    ("a.sh", b"\xff\xfe\x00", "UTF-8"),
    ("a.sh", b"true\n" * 10_000, "at most"),
    ("a.sh", b"x" * 5000, "longer"),
    ("a.sh", b"ls\x1b[2J", "control"),
    ("a.swlab", zipped({f"{n}": "" for n in range(4001)}), "more than is allowed"),
])
def test_what_cannot_be_graded_says_why(name: str, data: bytes, says: str) -> None:
    assert says in one(name, data).problem


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("manifest.json")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "symbolic link" in one("a.swlab", out.getvalue()).problem
    (tmp_path / "a.sh").symlink_to("/etc/passwd")
    [found] = gather([tmp_path])
    assert "symbolic link" in found.problem


def test_a_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(str(number), bytes(15 * 1024 * 1024))
    assert "more than is allowed" in one("a.swlab", out.getvalue()).problem


def test_a_moodle_zip_names_its_students(tmp_path: Path) -> None:
    place = tmp_path / "bulk.zip"
    place.write_bytes(zipped({"Ann Lee_12_assignsubmission_file_/work.swlab": swlab(),
                              "Bob_13_assignsubmission_file_/w.sh": "ls\n", "Bob_13_onlinetext_/x.html": ""}))
    found = list(gather([place]))
    assert [(f.student, f.problem, f.lab) for f in found] == [("Ann Lee", "", "03-scaling"), ("Bob", "", "")]


def test_an_edited_event_log_is_seen() -> None:
    text = chained(['{"t": 1}', '{"t": 2}', '{"t": 3}'])
    assert chain_holds(text)
    assert not chain_holds(text.replace('"t":2', '"t":4'))
    assert not chain_holds("".join(text.splitlines(keepends=True)[1:]))
    edited = one("a.swlab", swlab(events__jsonl=text.replace('"t":1', '"t":0')))
    assert not edited.problem and "edited" in edited.notes[0]


def test_what_shells_kept_is_read_whole() -> None:
    data = b"1000000\tdocker ps\x002500000\tfor i in 1 2\ndo true; done\x00rubbish\x00"
    assert read_typed("h", data) == [Command("h", "docker ps", 1.0), Command("h", "for i in 1 2\ndo true; done", 2.5)]


WORKER, MANAGER = f"SWMTKN-1-{'d' * 50}-{'w' * 25}", f"SWMTKN-1-{'d' * 50}-{'m' * 25}"


def kept(folder: Path, host: str, *entries: tuple[float, str]) -> None:
    """What a host's shells keep, at these wall-clock seconds."""
    (folder / "hosts" / host).mkdir(parents=True)
    text = "".join(f"{int(at * 1e6)}\t{line}\0" for at, line in entries)
    (folder / "hosts" / host / "typed").write_text(text)


def test_what_is_handed_in_is_typed_and_done_since_the_lab_was_given_with_tokens_by_name(tmp_path: Path) -> None:
    wall, now = time.time(), time.monotonic()
    kept(tmp_path, "manager2", (wall - 90, "docker swarm leave"), (wall - 30, f"docker swarm join --token {MANAGER}"))
    kept(tmp_path, "worker1", (wall - 10, f"echo {WORKER} SWMTKN-1-other"))
    came = Event(now - 29, "manager1", "node", "create", "manager2", "n2",
                 {"Tokens": {"Worker": WORKER, "Manager": MANAGER}})
    off = [Event(now - age, "manager1", "lab", "poweroff", data={"line": "lab host manager1 poweroff"})
           for age in (95, 20)]
    events = Events((off[0], Event(now - 60, "", "lab", GIVEN), came, off[1]))
    assert [(one.host, one.line) for one in typed(tmp_path, ["client", "manager2", "worker1"], events)] == [
        ("manager2", "docker swarm join --token SWMTKN-1-MANAGER"), ("outside", "lab host manager1 poweroff"),
        ("worker1", "echo SWMTKN-1-WORKER SWMTKN-1-other")]


def test_a_tokens_name_is_typed_again_as_the_token_that_is_good_now() -> None:
    line = "docker swarm join --token SWMTKN-1-MANAGER 10.7.0.1:2377"
    assert typed_again(line, lambda: {"Manager": MANAGER}) == line.replace("SWMTKN-1-MANAGER", MANAGER)
    assert typed_again(line, dict) == line

    def never() -> dict[str, str]:
        raise AssertionError("asked for nothing")

    assert typed_again("docker node ls", never) == "docker node ls"


def graded(hand_in: HandIn, lang: str) -> dict[str, Any]:
    check = {"id": "sc2", "sentence": "it <asks>", "status": "failed", "points": 0, "max_points": 20, "seconds": 1,
             "expected": 10, "actual": 5, "help": "too few", "mistake": "not_enough", "error": None}
    return {"student": hand_in.student, "lab": hand_in.lab, "status": "graded", "score": 0, "max_score": 20,
            "checks": [check], "notes": [], "exit_code": 1}


def test_scripts_get_the_lab_that_was_asked_for_and_others_are_refused() -> None:
    hand_ins = [HandIn("a", commands=(LS,)), HandIn("b", "02-x", commands=(LS,)),
                HandIn("c", problem="broken zip"), HandIn("d", "03-scaling")]
    found = grade_all(hand_ins, "en", 2, "03-scaling", "s", one=graded)
    assert [f["status"] for f in found] == ["graded", "refused", "refused", "refused"]
    assert "nothing was typed" in found[3]["problem"]
    assert "broken zip" in found[2]["problem"] and "02-x" in found[1]["problem"]


def test_a_graders_error_is_no_zero_in_any_report() -> None:
    evil = HandIn("=evil()", "03")
    found = [broken(evil, "it fell"), graded(HandIn("a<b", "03"), "en"), refused(HandIn("c"), "no")]
    suites = ElementTree.fromstring(writers.junit(found))
    assert [(s.get("errors"), s.get("failures")) for s in suites] == [("1", "0"), ("0", "1"), ("0", "1")]
    assert writers.table(found).splitlines()[1] == "'=evil();03;;20;error;;"
    assert "'=evil(),,20" in writers.moodle(found)
    assert "score" not in json.loads(writers.gradescope(found[0]))
    assert json.loads(writers.gradescope(found[1]))["tests"][0]["score"] == 0
    page = pages.class_page(found, ["x", "y", "z"])
    assert "a&lt;b" in page and "a<b" not in page and "no score" in page
    assert "it &lt;asks&gt;" in pages.student_page(found[1])


def test_a_student_is_told_in_the_language_of_the_grading() -> None:
    hand_ins = [HandIn("a", "03-scaling", commands=(LS,)), HandIn("b", problem="it is no zip file")]
    judged, none = grade_all(hand_ins, "fr", 1, one=graded)
    judged["notes"] = ["time is up after 3 of 9 commands"]
    judged["checks"].append({**judged["checks"][0], "status": "waiting", "needs": ["sc2"], "help": None})
    page = pages.student_page(judged)
    assert '<html lang="fr">' in page and "<th>Pourquoi" in page and "échoué" in page
    assert "too few (attendu 10, trouvé 5)" in page and "il faut d&#x27;abord sc2" in page
    assert "le temps est écoulé après 3 commandes sur 9" in page
    assert "ce n&#x27;est pas un fichier zip" in pages.student_page(none)
    assert "le temps est écoulé" in writers.feedback(judged)
    assert "cela ne coûte rien" in writers.feedback({**broken(hand_ins[0], "it fell"), "lang": "fr"})
    (english,) = grade_all(hand_ins[:1], "en", 1, one=graded)
    assert '<html lang="en">' in pages.student_page(english) and "expected 10, found 5" in pages.student_page(english)


def test_moodle_gets_its_own_numbers_back() -> None:
    archive = zipped({"Zoé_1234_assignsubmission_file_/work.sh": "docker ps\n", "Bob/x.sh": "docker ps\n"})
    found = grade_all(list(of_bytes("all.zip", archive)), "en", 2, "03-scaling",
                      one=lambda hand_in, lang: refused(hand_in, "late"))
    rows = writers.moodle(found).splitlines()
    assert rows[1:] == [",Bob,0,20,late", "Participant 1234,Zoé,0,20,late"]


def test_the_class_page_tells_how_many_passed() -> None:
    def student(name: str, status: str) -> dict[str, Any]:
        check = {"id": "sc2", "sentence": "it asks", "status": status}
        return {"student": name, "score": 5, "max_score": 20, "status": "graded", "checks": [check]}

    page = pages.class_page([student("a", "passed"), student("b", "failed"), student("c", "passed")], "abc")
    assert "3 hand-ins, mean 5.0" in page and "3 judged" in page and ">2</table>" in page


def test_students_of_one_name_get_two_files() -> None:
    assert file_names(["A b", "A b", "../../x", "…"]) == ["A_b", "A_b~2", "x", "student"]
