"""What the fuzzer sends: for each route of the API's own table a right request with something wrong put in its place.
Pure strategies; knows no server.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

from swarmkit_py.docker_api.dispatch import all_routes
from swarmkit_py.docker_api.routing import Route


class Sent(NamedTuple):
    """One request."""

    method: str
    path: str
    body: bytes


NAMES = ("web", "n1", "s1", "c1", "nosuch", "", "ingress", "bridge", "self", "nginx:1.18", "a b",
         "127.0.0.1:5000/a/b:1@x", "ä", "..", ".", "%", "%zz", "%00", "%ff", "\n", "a" * 300, "../../etc/passwd",
         "*", "-", "sha256:")
ODD = ("", " ", "\x00", "é", "\U0001f433", "a" * 5000, "-1", "1e400", "NaN", "null", "{}", "[]", "0x10", "1h",
       "../..", "a=b=c", "node.role==worker", "tcp", "SIGFOO", "99999999999999999999", "{{.Node.Hostname}}",
       "{{", "\ud800")
NUMBERS = (0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**70), 1.5, -0.0, 1e308, 10**40)
FILTERS = ("name", "id", "label", "service", "node", "desired-state", "nosuch", "is-task", "status", "until",
           "before", "reference", "dangling", "type", "event", "driver", "scope", "mode", "role",
           "_up-to-date", "label!")
QUERIES = ("version", "force", "filters", "name", "fromImage", "tag", "repo", "t", "signal", "h", "w", "tail",
           "since", "until", "limit", "all", "rollback", "registryAuthFrom", "insertDefaults", "status", "scope",
           "verbose", "condition", "rotateWorkerToken", "platform", "path", "names", "changes",
           "stdout", "stderr", "details")

FILE = {"Name": "s", "UID": "0", "GID": "0", "Mode": 292}
SERVICE: dict[str, Any] = {
    "Name": "web2", "Labels": {"a": "b"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "nginx:1.18", "Args": ["x"], "Command": ["y"], "Env": ["A=b"], "Labels": {"l": "m"}, "User": "0",
            "Mounts": [{"Type": "volume", "Source": "v", "Target": "/v", "ReadOnly": True}],
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**9, "Timeout": 10**9, "Retries": 3},
            "Secrets": [{"SecretID": "x", "SecretName": "s1", "File": FILE}],
            "Configs": [{"ConfigID": "x", "ConfigName": "c1", "File": FILE}],
            "StopGracePeriod": 10**9, "Hosts": ["1.2.3.4 x"], "DNSConfig": {"Nameservers": ["1.1.1.1"]},
            "Sysctls": {"net.core.somaxconn": "1"}, "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
        },
        "Resources": {"Limits": {"NanoCPUs": 10**9, "MemoryBytes": 10**8, "Pids": 10},
                      "Reservations": {"NanoCPUs": 10**8, "MemoryBytes": 10**7}},
        "RestartPolicy": {"Condition": "any", "Delay": 10**9, "MaxAttempts": 3, "Window": 10**9},
        "Placement": {"Constraints": ["node.role==worker"], "MaxReplicas": 2,
                      "Platforms": [{"Architecture": "amd64", "OS": "linux"}],
                      "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.z"}}]},
        "Networks": [{"Target": "n1", "Aliases": ["x"]}], "ForceUpdate": 0, "LogDriver": {"Name": "json-file"},
    },
    "Mode": {"Replicated": {"Replicas": 1}},
    "UpdateConfig": {"Parallelism": 1, "Delay": 1, "FailureAction": "pause", "Monitor": 1, "MaxFailureRatio": 0.1,
                     "Order": "stop-first"},
    "RollbackConfig": {"Parallelism": 1, "FailureAction": "pause"},
    "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080,
                                                "PublishMode": "ingress"}]},
}
CLUSTER: dict[str, Any] = {
    "Name": "default", "Labels": {}, "Orchestration": {"TaskHistoryRetentionLimit": 5},
    "Raft": {"SnapshotInterval": 1, "ElectionTick": 10, "HeartbeatTick": 1},
    "Dispatcher": {"HeartbeatPeriod": 5 * 10**9},
    "CAConfig": {"NodeCertExpiry": 7776000000000000, "ForceRotate": 0}, "TaskDefaults": {},
    "EncryptionConfig": {"AutoLockManagers": False},
}
CONTAINER: dict[str, Any] = {
    "Image": "nginx:1.18", "Cmd": ["x"], "Entrypoint": ["y"], "Env": ["A=b"], "Labels": {"a": "b"}, "Tty": True,
    "ExposedPorts": {"80/tcp": {}}, "Hostname": "h", "User": "1:1", "WorkingDir": "/", "StopSignal": "SIGTERM",
    "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 10**9},
    "HostConfig": {
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, "NetworkMode": "default", "Memory": 10**8,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}, "Binds": ["v:/v:ro"],
        "CapAdd": ["NET_ADMIN"], "Mounts": [{"Type": "tmpfs", "Target": "/t"}],
        "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
        "ExtraHosts": ["a:1.2.3.4"], "NanoCpus": 10**9, "AutoRemove": False, "Init": False, "LogConfig": {"Type": ""},
    },
    "NetworkingConfig": {"EndpointsConfig": {}},
}
BODIES: dict[str, dict[str, Any]] = {
    "/services/create": SERVICE, "/services/{id}/update": SERVICE, "/swarm/update": CLUSTER,
    "/swarm/init": {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1", "Spec": CLUSTER, "SubnetSize": 24,
                    "DefaultAddrPool": ["10.0.0.0/8"], "ForceNewCluster": False, "DataPathPort": 4789},
    "/swarm/join": {"ListenAddr": "0.0.0.0:2377", "RemoteAddrs": ["127.0.0.1:1"], "JoinToken": "SWMTKN-1-a-b"},
    "/swarm/unlock": {"UnlockKey": "SWMKEY-1-x"},
    "/nodes/{id}/update": {"Role": "manager", "Availability": "active", "Labels": {"a": "b"}, "Name": ""},
    "/secrets/create": {"Name": "s9", "Labels": {}, "Data": "aGVsbG8="},
    "/secrets/{id}/update": {"Name": "s1", "Labels": {"a": "b"}, "Data": "eA=="},
    "/configs/create": {"Name": "c9", "Data": "aGVsbG8=", "Templating": {"Name": "golang"}},
    "/configs/{id}/update": {"Name": "c1", "Labels": {"a": "b"}, "Data": "eA=="},
    "/networks/create": {
        "Name": "n9", "Driver": "overlay", "CheckDuplicate": True, "Attachable": True, "Ingress": False, "Labels": {},
        "Internal": False, "EnableIPv6": False, "Options": {}, "Scope": "swarm",
        "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1",
                                                  "IPRange": "10.9.0.0/25"}]}},
    "/networks/{id}/connect": {"Container": "c", "EndpointConfig": {"Aliases": ["x"]}},
    "/networks/{id}/disconnect": {"Container": "c", "Force": True},
    "/volumes/create": {"Name": "v9", "Driver": "local", "DriverOpts": {}, "Labels": {"a": "b"}},
    "/containers/create": CONTAINER,
    "/containers/{id}/exec": {"Cmd": ["x"], "Tty": False, "Env": ["A=b"], "User": "0", "DetachKeys": "ctrl-p"},
    "/containers/{id}/update": {"Memory": 10**8, "RestartPolicy": {"Name": "always"}},
    "/exec/{id}/start": {"Detach": True, "Tty": False},
}

strange = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(ODD), st.integers(), st.text(max_size=20),
    st.sampled_from(([], {}, [[]], [None], {"": None}, [1, "a"], {"a": {"b": {"c": 1}}})),
    st.integers(2, 400).map(lambda depth: _nested(depth)),
)
"""A value in the wrong place: of another type, too large, negative, in odd letters, too deep."""


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.extend(_places(item, (*path, key)))
    return found


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = deepcopy(value)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


def _like(base: Any, place: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Mostly a value of the type that belongs there, so that it gets past the types to the rules."""
    for key in place:
        base = base[key]
    if isinstance(base, (bool, int, float)):
        return st.one_of(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), st.integers(), strange)
    if isinstance(base, str):
        return st.one_of(st.sampled_from(ODD), st.sampled_from(ODD), st.text(max_size=20), strange)
    return strange


def _without(value: Any, path: tuple[Any, ...]) -> Any:
    copy = deepcopy(value)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return copy


@st.composite
def bodies(draw: st.DrawFn, template: str) -> bytes:
    """A right body of this route, parts left out, with a place or two gone wrong; or no JSON of any use at all."""
    base: Any = BODIES.get(template, {"a": 1})
    for _ in range(draw(st.integers(0, 6))):
        inner = [place for place in _places(base) if len(place) > 1]
        base = _without(base, draw(st.sampled_from(inner))) if inner else base
    for _ in range(draw(st.sampled_from((1, 1, 1, 2)))):
        place = draw(st.sampled_from(_places(base)))
        base = _replaced(base, place, draw(_like(base, place)))
        if not isinstance(base, (dict, list)) or not base:
            break
    text = json.dumps(base, ensure_ascii=draw(st.booleans()))
    data = text.encode("utf-8", "surrogatepass")
    how = draw(st.sampled_from(("as it is",) * 30 + ("cut", "utf-16", "deep", "garbage", "twice", "empty")))
    return {
        "as it is": data, "cut": data[:len(data) // 2], "utf-16": text.encode("utf-16", "surrogatepass"),
        "deep": b"[" * 100_000, "garbage": b"\xff\xfe\x00{", "twice": data + data, "empty": b"",
    }[how]


@st.composite
def queries(draw: st.DrawFn) -> str:
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(QUERIES))
        value = draw(_filters() if name == "filters" else st.one_of(st.sampled_from(ODD), st.integers().map(str)))
        raw = draw(st.booleans())
        parts.append(f"{name}={quote(value.encode('utf-8', 'surrogatepass')) if not raw else _visible(value)}")
    return ("?" + "&".join(parts)) if parts else ""


def _filters() -> st.SearchStrategy[str]:
    values = st.one_of(
        st.lists(st.sampled_from(ODD), max_size=2),
        st.dictionaries(st.sampled_from(ODD), st.booleans(), max_size=2), strange)
    return st.one_of(
        st.dictionaries(st.sampled_from(FILTERS), values, max_size=3).map(json.dumps), st.sampled_from(ODD))


def _visible(text: str) -> str:
    """What can stand in a request line as it is."""
    return "".join(letter for letter in text if "!" <= letter <= "~" and letter not in "#&")


@st.composite
def requests(draw: st.DrawFn, known: tuple[str, ...], routes: tuple[Route, ...]) -> Sent:
    """Any request. `known` are ids and names that exist."""
    route = draw(st.sampled_from(routes))
    path = route.template.replace("...", "")
    while "{" in path:
        before, _, rest = path.partition("{")
        name = draw(st.one_of(st.sampled_from(known), st.sampled_from(NAMES)))
        shown = quote(name, safe=draw(st.sampled_from(("", "/:@"))) + "%") if draw(st.booleans()) else _visible(name)
        path = before + shown + rest.partition("}")[2]
    version = draw(st.sampled_from(("/v1.41", "/v1.24", "", "/v1.99", "/v0.0", "/v1", "/v1.41/v1.41")))
    body = b"" if route.method in ("GET", "HEAD") else draw(bodies(route.template))
    method = draw(st.sampled_from((route.method,) * 9 + ("PATCH",)))
    return Sent(method, version + path + draw(queries()), body)


def fuzzed_routes(without: tuple[str, ...] = ()) -> tuple[Route, ...]:
    """The API's own table; more chances for those that read a body."""
    routes = [route for route in all_routes() if route.template not in without]
    return tuple(routes + [route for route in routes if route.template in BODIES for _ in range(6)])
