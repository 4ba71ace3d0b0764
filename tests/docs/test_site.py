"""The built site: no warning, no dead link, nothing from elsewhere. CI gets MkDocs first (.ci/run)."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from labs.kit.docs_command import build_site
from swarmkit_py.errors import FailedPrecondition

pytestmark = pytest.mark.skipif(not (find_spec("mkdocs") and find_spec("material")),
                                reason="MkDocs is not installed: ./lab docs --build .kit/site gets it")
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Page(HTMLParser):
    """A page's links, its anchors, and what a browser loads for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADED and found.get(LOADED[tag]) and found.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(found[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "built"
    build_site(folder)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    dead = [f"{path.relative_to(site)} → {link}" for path, page in pages.items() if path.name != "404.html"
            for link in page.links if not _holds(path, link, pages)]
    assert dead == []


def _holds(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    target = target / "index.html" if target.is_dir() else target
    if target not in pages:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[target].anchors


def test_nothing_comes_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    foreign = {f"{path.relative_to(site)} loads {what}" for path, page in pages.items() for what in page.loaded
               if urlsplit(what).netloc}
    assert foreign == set()
    gone = {f"{path.relative_to(site)} loads {what}" for path, page in pages.items() if path.name != "404.html"
            for what in page.loaded if not (path.parent / unquote(urlsplit(what).path)).exists()}
    assert gone == set()


def test_french_pages_say_so_and_all_are_found_by_search(site: Path) -> None:
    assert '<html lang="fr"' in (site / "fr" / "course" / "03-scaling.html").read_text(encoding="utf-8")
    assert '<html lang="en"' in (site / "course" / "03-scaling.html").read_text(encoding="utf-8")
    assert "fr/course/03-scaling.html" in (site / "search" / "search_index.js").read_text(encoding="utf-8")


def test_a_dead_link_is_an_error_with_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# X\n\n[y](nowhere.md)\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: x\n")
    monkeypatch.setattr("labs.kit.docs_command.PROJECT", tmp_path)
    with pytest.raises(FailedPrecondition, match="nowhere.md"):
        build_site(tmp_path / "out")
