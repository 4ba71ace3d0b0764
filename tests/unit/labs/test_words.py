"""Texts: every key in both languages, the same holes, and no text missing that a lab's parts ask for."""

from __future__ import annotations

import string

import pytest

from labs.kit.folder import Lab, all_labs, read_lab
from labs.kit.words import LANGUAGES, Words, flatten, kit_words, language, read_toml

LABS = [read_lab(path) for path in all_labs()]


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def texts(lab: Lab, lang: str) -> dict[str, str]:
    return flatten(read_toml(lab.path / f"lab.{lang}.toml"))


def kit_texts(lang: str) -> dict[str, str]:
    words = kit_words(lang)
    return {key: words.raw(key) for key in sorted(words.keys())}


def same(one: dict[str, str], other: dict[str, str]) -> None:
    assert set(one) == set(other)
    assert {key for key in one if holes(one[key]) != holes(other[key])} == set()
    assert {key for key, text in one.items() if not text.strip()} == set()


def test_the_kit_says_the_same_in_both_languages() -> None:
    same(kit_texts("fr"), kit_texts("en"))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_lab_says_the_same_in_both_languages(lab: Lab) -> None:
    same(texts(lab, "fr"), texts(lab, "en"))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_everything_a_lab_declares_has_its_text(lab: Lab) -> None:
    known, checks = set(texts(lab, "en")), lab.checks()
    wanted = {f"checks.{code}.{part}" for code in [*checks.checks, "p"]
              for part in ("sentence", "expected", "actual", "where")}
    wanted |= {f"mistakes.{mistake.code}" for mistake in checks.mistakes}
    wanted |= {f"steps.{step.id}.{part}" for step in lab.steps
               for part in ("title", "goal", "hints.0", "hints.1", "hints.2")}
    wanted |= {f"predictions.{code}.{part}" for code in lab.questions
               for part in ("question", "form", "right", "wrong")}
    assert wanted - known == set()
    assert {key for key in known if key.startswith("mistakes.")} <= wanted


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_hint_does_not_give_the_command_away(lab: Lab, lang: str) -> None:
    words = lab.words(lang, lab.params(None))
    for step in lab.steps:
        first = words(f"steps.{step.id}.hints.0")
        assert not any(words.expand(command) in first for command in step.commands)
        assert "docker " not in first


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_step_is_closed_by_a_check_or_a_prediction(lab: Lab) -> None:
    codes = set(lab.checks().checks)
    assert all(step.asked or step.checks for step in lab.steps)
    assert all(set(step.checks) <= codes for step in lab.steps)
    assert {code for step in lab.steps for code in step.asked} == set(lab.table["predictions"])


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_wrong_answers_have_a_message_each(lab: Lab) -> None:
    codes = {mistake.code for mistake in lab.checks().mistakes}
    assert len(lab.wrong()) >= 8 and set(lab.wrong()) <= codes
    assert len(list((lab.path / "wrong").glob("*.sh"))) == len(lab.wrong())


def test_failures_are_not_shouted_at() -> None:
    for lab in LABS:
        for lang in LANGUAGES:
            assert not [key for key, text in texts(lab, lang).items() if "!" in text]


@pytest.mark.parametrize(("option", "environ", "expected"), [
    (None, {}, "en"), (None, {"LANG": "fr_FR.UTF-8"}, "fr"), (None, {"LANG": "de_DE"}, "en"),
    (None, {"LANG": "fr_FR", "LC_ALL": "en_GB"}, "en"), (None, {"LAB_LANG": "fr", "LANG": "C"}, "fr"),
    ("en", {"LAB_LANG": "fr"}, "en"), ("FR", {}, "fr"),
])
def test_language(option: str | None, environ: dict[str, str], expected: str) -> None:
    assert language(option, environ) == expected


def test_a_language_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="fr, en"):
        language("de", {})


def test_a_hole_that_nothing_fills_reads_as_a_dash() -> None:
    assert Words("en", {"a": "{x} and {y}"}, values={"x": 1}).fill("a", {}) == "1 and –"
