"""`python -m tests.labs.screens.record [NAME…]` plays all plays, or those whose file's name holds one of the words,
and keeps their screens.
"""

from __future__ import annotations

import sys

from tests.labs.screens.plays import plays
from tests.labs.screens.screenplay import record, write


def main(*wanted: str) -> None:
    for play in plays():
        if not wanted or any(word in play.file.name for word in wanted):
            play.file.parent.mkdir(exist_ok=True)
            play.file.write_text(write(record(play)), encoding="utf-8")
            print(play.file, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
