"""The generated pages: whole, in both languages, without spoilers. Needs no MkDocs."""

from __future__ import annotations

import re

import pytest

from labs.kit.folder import Lab, all_labs, read_lab
from labs.kit.site.course import course_pages, labels, plain
from labs.kit.site.navigation import expand
from labs.kit.site.reference import reference_pages
from labs.kit.words import LANGUAGES
from tests.docs.typed import not_typed

LABS = [read_lab(path) for path in all_labs()]
PAGES = {**course_pages(), **reference_pages()}


def test_both_languages_have_the_same_pages_and_labels() -> None:
    english = {uri for uri in PAGES if uri.startswith("course/")}
    assert {f"fr/{uri}" for uri in english} == {uri for uri in PAGES if uri.startswith("fr/course/")}
    assert len(english) == len(LABS) + 1
    assert labels("fr").keys() == labels("en").keys()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_lab_s_page_has_its_steps_and_no_solution(lab: Lab, lang: str) -> None:
    page = PAGES[("fr/" if lang == "fr" else "") + f"course/{lab.id}.md"]
    assert len(re.findall(r"^### \d+\. ", page, re.M)) == len(lab.steps)
    words, raw = lab.words(lang, lab.params(None)), {line for step in lab.steps for _, line in step.typed}
    shown = {words.expand(command) for command in raw}
    for command in shown:
        assert command in page
    for line in lab.solution().splitlines():
        given = line[:1] in "#@" or "{{" in line or any(line in one for one in raw | shown)
        assert given or len(line.split()) < 3 or _expanded(line, lab) not in page, line
    assert "{" not in re.sub(r"```.*?```", "", page, flags=re.S).replace("\\{", "")
    for code in lab.wrong():
        longest = max(re.split(r"{\w+}", words.raw(f"mistakes.{code}")), key=len)
        assert plain(longest) not in page


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_what_a_page_says_to_type_is_typed_by_the_solution(lab: Lab) -> None:
    assert list(not_typed(lab)) == []


def test_what_a_solution_leaves_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = LABS[0]
    without = [line for line in lab.solution().splitlines() if not line.startswith(("docker inspect", "docker ps"))]
    elsewhere = [line.replace("@client", "@manager1") for line in without]
    monkeypatch.setattr(Lab, "solution", lambda self: "\n".join(elsewhere))
    assert [one.partition(",")[2] for one in not_typed(lab)] == [
        " step answer, on client: curl http://manager1:80/", " step kill, on manager1: docker ps -a",
        " step refused, on client: curl http://manager1:80/", " step restart, on manager1: docker ps"]


def _expanded(line: str, lab: Lab) -> str:
    values = lab.params(None).values()
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), line)


def test_the_reference_names_every_command_and_check() -> None:
    from labs.kit.cli import build_app

    names = [command.name or command.callback.__name__ for command in build_app().registered_commands
             if not command.hidden and command.callback]
    assert [name for name in names if f"## lab {name.rstrip('_')}\n" not in PAGES["reference/commands.md"]] == []
    assert "## lab traffic start\n" in PAGES["reference/commands.md"]
    for uri in ("reference/checks.md", "fr/checks.md"):
        assert [code for lab in LABS for code in lab.checks().checks if f"| `{code}` |" not in PAGES[uri]] == []
    assert "| `NotFound` | there is no such object | 404 | 2 |" in PAGES["reference/errors.md"]
    assert "|  |" not in PAGES["reference/errors.md"]


def test_a_star_stands_for_the_pages_not_named() -> None:
    nav = [{"A": ["x/index.md", "x/*", {"B": ["x/deep/*"]}]}, {"Last": "x/last.md"}]
    pages = ["x/b.md", "x/a.md", "x/index.md", "x/last.md", "x/deep/c.md"]
    assert expand(nav, pages) == [{"A": ["x/index.md", "x/a.md", "x/b.md", {"B": ["x/deep/c.md"]}]},
                                  {"Last": "x/last.md"}]
