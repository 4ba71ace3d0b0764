"""The table of features: nothing forgotten, nothing claimed without a test that exists."""

from __future__ import annotations

from tests.repo.coverage import PAGE, exists, features, page

ROWS = features()


def test_every_feature_has_its_row() -> None:
    assert [row.number for row in ROWS] == list(range(1, 134))


def test_every_test_named_exists() -> None:
    assert [(row.number, test) for row in ROWS for test in row.tests if not exists(test)] == []


def test_what_no_test_shows_says_why() -> None:
    assert [row.number for row in ROWS if not row.tests and not row.missing] == []


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ROWS), "run: python -m tests.repo.coverage"
