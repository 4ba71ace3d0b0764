"""Every command in the docs is run as a reader would type it, page by page, and each must succeed."""

from __future__ import annotations

import pytest

from tests.docs.blocks import Command, blocks, blocks_of, pages, sessions
from tests.docs.reader import Reader

SESSIONS = sessions()


@pytest.mark.kernel
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [
    pytest.param(page, id=page, marks=pytest.mark.xdist_group(page)) for page in SESSIONS])
def test_what_a_page_says_works(page: str) -> None:
    with Reader() as reader:
        for command in SESSIONS[page]:
            said = reader.type(command)
            assert not said, said


@pytest.mark.kernel
def test_a_command_that_fails_is_told() -> None:
    with Reader() as reader:
        assert "x.md:1 $ ./lab run 99" in reader.type(Command("x.md", 1, "", "./lab run 99", False))


def test_no_block_escapes() -> None:
    assert [said for path in pages() for block in blocks_of(path) for said in block.problems()] == []


def test_the_rules_themselves() -> None:
    text = """
<!-- not run: it takes an hour -->
```console
$ sleep 3600
```
```console
$ ./lab status
nothing
[worker1] $ ip addr
```
<!-- not run: no -->
```console
$ x
```
```
./lab run 03
```
```bash
ls
```
```console
ls
```
"""
    found = blocks(text, "p")
    assert [(one.host, one.line, one.number) for block in found for one in block.commands()] == [
        ("", "./lab status", 7), ("worker1", "ip addr", 9)]
    assert [said.split(":")[1] for block in found for said in block.problems()] == ["13", "16", "19", "22"]
