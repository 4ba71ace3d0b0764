"""Owns what lab @ID@ looks at. Points: 18 here, 2 for the predictions.

Look at the kernel and at packets (`c.world`, `c.everybody`), not at what the manager says: docs/teaching/writing.md.
"""

from __future__ import annotations

from typing import Any

from labs.kit.checks import Checks
from labs.kit.view import View

lab = Checks("@ID@")
CONVERGE = 20.0


# TODO: more checks, a fact each, their points 18 together; what reads the kernel gives most of them.
@lab.check("alive", points=18, within=CONVERGE, stable=3)
def alive(c: View) -> None:
    """As many processes of the service live as it shall have. `final`: without a service, waiting would not help."""
    live = c.world.live(c.p.service)
    hosts = ", ".join(sorted({task.host for task in live})) or "–"
    c.expect(len(live), equals=c.p.tasks, hosts=hosts, final=c.p.service not in c.world.services)


@lab.truth("P1")
def on_every_node(c: View) -> str | None:
    """Measured once all of them live; None before."""
    hosts = [task.host for task in c.world.live(c.p.service)]
    if len(hosts) != c.p.tasks:
        return None
    return "yes" if set(hosts) == set(c.world.swarm_hosts) else "no"


# TODO: at least eight wrong ideas, each with its script in wrong/ and its sentence under [mistakes].
@lab.mistake("by_hand", "alive")
def _by_hand(c: View) -> dict[str, Any] | None:
    strangers = [stranger for stranger in c.world.strangers() if "nginx" in stranger.image]
    hosts = ", ".join(sorted({stranger.host for stranger in strangers}))
    return {"n": len(strangers), "hosts": hosts} if strangers else None
