"""A daemon that ends at once."""

from __future__ import annotations

from tests.sandbox.stand_in import NodeOptions

__all__ = ["NodeOptions", "run"]


def run(options: NodeOptions) -> int:
    """Say why, and fail."""
    print("no such daemon", flush=True)
    return 1
