"""Owns making the cluster a lab is given, and making it so again (`reset`). It uses what a student has: the public
Docker API, and docker commands typed on a host.

lab.toml says what is given:

    needs = ["etcd"]             # programs that not every machine has
    [given]
    swarm = true                 # every host but the client is in one swarm (false: bare hosts)
    apart = ["manager2"]         # but these
    [[given.run]]                # then these, in order; the holes (of the host, too) are the lab's values
    on = "manager1"
    command = "docker service create --detach …"
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.engine_client import Engine, EngineError
from labs.kit.look import Eyes
from labs.kit.params import Params
from labs.kit.waiting import until
from labs.kit.world import World
from topologies.clusters import tool_path

Say = Callable[[str], None]
"""Called with a key of the kit's texts as each part begins."""
SETTLE_SECONDS = 60.0
COMMAND_SECONDS = 60.0
BUILT_IN = ("bridge", "host", "none", "docker_gwbridge", "ingress")


def prepare(eyes: Eyes, table: Mapping[str, Any], params: Params, say: Say, speed: float = 1.0) -> World:
    """What the student is given. Raises GraderError when it does not come to rest."""
    lacking = [tool for tool in table.get("needs", ()) if not shutil.which(tool, path=tool_path())]
    if lacking:
        raise GraderError(f"this lab needs {', '.join(lacking)}, which this machine lacks: see `lab doctor`")
    given = table.get("given", {})
    if given.get("swarm", True):
        say("given.swarm")
        _form_swarm(eyes, speed, given.get("apart", ()))
    for item in given.get("run", ()):
        say("given.service")
        _run(eyes, item["on"].format(**params.values()), item["command"].format(**params.values()))
    return _at_rest(eyes, speed)


def reset(
    eyes: Eyes, table: Mapping[str, Any], params: Params, say: Say, speed: float = 1.0,
    emptied: Callable[[], object] = lambda: None,
) -> World:
    """Take everything down and give it anew: whatever the student did, it is gone. `emptied` is called in between."""
    say("given.clean")
    eyes.cluster.call("mend")
    if not until(lambda: all(_answers(engine) for engine in eyes.engines.values()), SETTLE_SECONDS * speed):
        raise GraderError("not every host's Docker answers")
    for name, engine in eyes.engines.items():
        _as_booted(eyes, name)
        _leave(engine)
    if not until(lambda: _emptied(eyes), SETTLE_SECONDS * speed):
        raise GraderError("the old containers did not go away")
    for engine in eyes.engines.values():
        _sweep(engine)
    emptied()
    return prepare(eyes, table, params, say, speed)


AS_BOOTED = "cat > /etc/hosts; ip route flush proto boot 2>&1"
"""Names and routes that somebody wrote by hand on a host go; the kernel's own routes are of another kind."""


def _as_booted(eyes: Eyes, host: str) -> None:
    names = "".join(f"{one.address}\t{one.name}\n" for one in eyes.cluster.hosts)
    subprocess.run(eyes.cluster.enter_argv(host, ["sh", "-c", AS_BOOTED]), input=f"127.0.0.1\tlocalhost\n{names}",
                   capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)


def _manager(eyes: Eyes) -> Engine:
    return eyes.engines[eyes.managers[0]]


def _answers(engine: Engine) -> bool:
    try:
        engine.get("/version")
    except OSError:
        return False
    except EngineError:
        pass
    return True


def _leave(engine: Engine) -> None:
    try:
        engine.post("/swarm/leave", force=1)
    except EngineError as error:
        if error.status not in (503, 406):  # in no swarm: as it should be
            raise GraderError(f"{engine.path.parent.name} does not leave its swarm: {error}") from None


def _form_swarm(eyes: Eyes, speed: float, apart: Collection[str]) -> None:
    addresses = {host.name: host.address for host in eyes.cluster.hosts}
    first = eyes.managers[0]
    listen = "0.0.0.0:2377"
    manager = _manager(eyes)
    if manager.get("/info")["Swarm"]["LocalNodeState"] != "active":
        manager.post("/swarm/init", {"ListenAddr": listen, "AdvertiseAddr": addresses[first]})
    token = manager.get("/swarm")["JoinTokens"]["Worker"]
    for name, engine in eyes.engines.items():
        if name != first and name not in apart and engine.get("/info")["Swarm"]["LocalNodeState"] != "active":
            engine.post("/swarm/join", {"ListenAddr": listen, "AdvertiseAddr": addresses[name],
                                        "JoinToken": token, "RemoteAddrs": [f"{addresses[first]}:2377"]})
    if not until(lambda: _ready(eyes) == len(eyes.engines) - len(apart), SETTLE_SECONDS * speed):
        raise GraderError("not all nodes became Ready")


def _ready(eyes: Eyes) -> int:
    return len([node for node in _manager(eyes).get("/nodes") if node["Status"]["State"] == "ready"])


def _run(eyes: Eyes, host: str, command: str) -> None:
    done = run_on(eyes, host, command)
    if done.returncode != 0:
        raise GraderError(f"{host}: `{command}`: {done.stderr.strip()[-300:]}")


def run_on(eyes: Eyes, host: str, command: str) -> subprocess.CompletedProcess[str]:
    """A command line on a host, with `lab` within reach. Raises GraderError if it does not end."""
    reach = f'PATH="$PATH:{Path(sys.prefix) / "bin"}"; {command}'
    argv = eyes.cluster.enter_argv(host, ["sh", "-c", reach])
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_SECONDS,
                              check=False)
    except subprocess.TimeoutExpired:
        raise GraderError(f"{host}: `{command}` did not end within {COMMAND_SECONDS:g} s") from None


def _emptied(eyes: Eyes) -> bool:
    empty = True
    for engine in eyes.engines.values():
        for container in engine.get("/containers/json", all=1):
            empty = False
            _quietly(partial(engine.delete, f"/containers/{container['Id']}", force=1, v=1))
    return empty


def _sweep(engine: Engine) -> None:
    """Networks and volumes of this host alone."""
    for network in engine.get("/networks"):
        if network["Name"] not in BUILT_IN:
            _quietly(partial(engine.delete, f"/networks/{network['Id']}"))
    for volume in (_quietly(partial(engine.get, "/volumes")) or {}).get("Volumes") or []:
        _quietly(partial(engine.delete, f"/volumes/{volume['Name']}", force=1))


def _quietly(call: Callable[[], Any]) -> Any:
    """What vanished meanwhile, or cannot go yet, is looked at again or is nobody's loss."""
    try:
        return call()
    except EngineError as error:
        if error.status in (403, 404, 409, 501):
            return None
        raise


def _at_rest(eyes: Eyes, speed: float) -> World:
    seen: list[World] = []

    def settled() -> bool:
        seen[:] = [eyes.look()]
        return all(seen[0].settled(name) for name in seen[0].services)

    if not until(settled, SETTLE_SECONDS * speed):
        raise GraderError(_why_not(seen[0]))
    return seen[0]


def _why_not(world: World) -> str:
    for name, service in world.services.items():
        if not world.settled(name):
            messages = [str(task.get("Status", {}).get("Err") or "") for task in world.tasks_of(name)]
            first = next((message for message in messages if message), "no reason was given")
            return f"{name}: {len(world.live(name))} of {service.wanted} tasks live; {first}"
    return "the cluster does not come to rest"


