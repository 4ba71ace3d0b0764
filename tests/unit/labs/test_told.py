"""What lower layers say in English reaches a student in French too: every sentence that they raise has its twin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.kit.given import _why_not
from labs.kit.grading.guard import Share, excess
from labs.kit.grading.handin import of_bytes
from labs.kit.told import _patterns, told, told_to
from labs.kit.words import kit_words
from swarmkit_py.errors import SwarmError
from tests.repo.imports import ROOT
from tests.unit.labs.worlds import service, task, world
from topologies import cables, catalog, clusters, places
from topologies.usage import Usage

FRENCH = kit_words("fr")
LAYERS = [*sorted((ROOT / "topologies").glob("*.py")), ROOT / "labs/kit/cluster_commands.py",
          ROOT / "labs/kit/why_command.py", ROOT / "labs/kit/given.py", ROOT / "labs/kit/grading/handin.py"]
RAISED = ("InvalidArgument", "NotFound", "FailedPrecondition", "AlreadyExists", "Unavailable", "Unimplemented",
          "Internal", "MachineFault", "Refused", "BadHandIn", "GraderError")
HOLE = "⟨⟩"


def sentences(path: Path) -> Iterator[str]:
    """What a module raises on purpose, each fact a hole. What another layer said is passed on, and is not its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            name = node.exc.func.attr if isinstance(node.exc.func, ast.Attribute) else ast.unparse(node.exc.func)
            if name in RAISED:
                yield from filter(lambda text: len(text.replace(HOLE, "").strip(" :`")) > 1, texts(node.exc.args[0]))


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)


ALL = [(path.name, text) for path in LAYERS for text in sentences(path)]


def test_there_is_something_to_translate() -> None:
    assert len(ALL) > 50


@pytest.mark.parametrize(("module", "said"), ALL)
def test_every_sentence_has_a_twin(module: str, said: str) -> None:
    forms = said, said.replace(f".{HOLE} ", ". ")  # a fact that may be nothing: “Did you mean …?”
    twin = "its English under [sandbox] or [handin] of labs/kit/words.en.toml, its French in words.fr.toml"
    assert any(told(form, FRENCH) != form for form in forms), f"{module}: {said!r} needs a twin: {twin}"


@pytest.mark.parametrize(("act", "french"), [
    (lambda: places.check_name("x" * 40), "a 40 caractères ; au plus 32"),
    (lambda: places.check_name("A b"), "'A b' ne peut pas être un nom"),
    (lambda: catalog.check("three_node"), "Vouliez-vous dire 'three_nodes' ?"),
    (lambda: catalog.check("zzz"), "Il n'y a pas de topologie 'zzz'. Il y a : "),
    (lambda: catalog.check("nodes:0"), "de 1 à"),
    (lambda: clusters.find("no-such-cluster-here"), "'no-such-cluster-here'"),
    (lambda: cables._check("fast", "", ""), "'fast' n'est pas un débit"),
])
def test_what_is_really_raised(act: object, french: str) -> None:
    with pytest.raises(SwarmError) as raised:
        act()  # type: ignore[operator]
    assert french in told(raised.value.message, FRENCH)
    assert told(raised.value.message, kit_words("en")) == raised.value.message


def test_a_hand_in_that_is_none() -> None:
    (bad,) = of_bytes("x.swlab", b"no zip")
    assert told(bad.problem, FRENCH) == "ce n'est pas un fichier zip"
    assert "rempli plus de" in told(excess(Usage(10**12, 0, 1), Share()), FRENCH)


def test_why_a_lab_could_not_be_given() -> None:
    said = _why_not(world([task(1, "worker1", state="pending")], services=[service("web", 5)]))
    assert said.startswith("web: 0 of 5 tasks live")
    assert told(said, FRENCH).startswith("web : 0 tâches sur 5 vivent ; ")


def test_what_nobody_knows_stays() -> None:
    assert told("tc: RTNETLINK answers: strange", FRENCH) == "tc: RTNETLINK answers: strange"


@pytest.mark.parametrize(("argv", "environ", "french"), [
    (["status", "--lang", "fr"], {}, True), (["status", "--lang=fr"], {}, True), (["x"], {"LAB_LANG": "fr"}, True),
    (["status"], {"LANG": "fr_FR.UTF-8"}, True), (["status"], {}, False), (["status", "--lang"], {}, False),
    (["status", "--lang", "de"], {"LAB_LANG": "fr"}, False), (["x", "--lang", "en"], {"LAB_LANG": "fr"}, False)])
def test_the_language_of_a_command_that_failed(argv: list[str], environ: dict[str, str], french: bool) -> None:
    said = told_to("'web' has just ended.", argv, environ)
    assert said == ("'web' vient de s'arrêter." if french else "'web' has just ended.")


def test_no_sentence_hides_another() -> None:
    """Each English text is found as itself, its holes filled."""
    english = kit_words("en")
    for key, _ in _patterns():
        text = english.fill(key, {})
        assert next(found for found, pattern in _patterns() if pattern.fullmatch(text)) == key
