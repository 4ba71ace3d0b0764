"""Owns reading a signal as people write it. Pure. Counterpart: moby/pkg/signal/signal.go."""

from __future__ import annotations

import signal

from swarmkit_py import errors


def parse_signal(text: str) -> int:
    """`KILL`, `SIGKILL`, `9`. Raises errors.InvalidArgument with Docker's text."""
    name = text.upper()
    if name.isdigit() and 0 < int(name) < signal.NSIG:
        return int(name)
    name = name if name.startswith("SIG") else f"SIG{name}"
    try:
        return int(signal.Signals[name])
    except KeyError:
        raise errors.InvalidArgument(f"Invalid signal: {text}") from None
