"""Owns the choice of VXLAN network identifiers: the lowest free one from 4096. Pure.

Counterpart: moby/daemon/libnetwork/drivers/overlay/ovmanager/ovmanager.go.
"""

from __future__ import annotations

from collections.abc import Container

from swarmkit_py.manager import defaults


def next_vni(used: Container[int]) -> int | None:
    """The lowest free identifier, None if all 16 million are used."""
    return next((vni for vni in range(defaults.FIRST_VNI, defaults.LAST_VNI + 1) if vni not in used), None)
