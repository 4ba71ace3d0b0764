"""The Engine API over HTTP: headers, statuses, texts, and what must not go wrong whatever is sent."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from swarmkit_py.docker_api.call import BODY_LIMIT
from swarmkit_py.docker_api.server import serve
from swarmkit_py.errors import Internal
from swarmkit_py.model.assignment import NetworkAssignment, Peer
from tests.engine.api_rig import Client, served
from tests.engine.fake_backend import NO_SWARM, WORKER, FakeBackend
from tests.unit.docker_api.golden import golden, shape
from tests.waiting import until

SPEC: dict[str, Any] = {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "nginx:latest"}},
                        "Mode": {"Replicated": {"Replicas": 2}}}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with served() as made:
        yield made


@pytest_asyncio.fixture
async def manager(client: Client) -> Client:
    body = {"AdvertiseAddr": "10.7.0.1", "ListenAddr": "0.0.0.0:2377"}
    status, node_id = await client.post("/v1.41/swarm/init", body)
    assert status == 200 and isinstance(node_id, str) and len(node_id) == 25
    return client


async def test_ping_negotiates(client: Client) -> None:
    for method in ("HEAD", "GET"):
        async with client.session.request(method, "http://docker/_ping") as answer:
            assert answer.status == 200 and answer.content_type == "text/plain"
            assert answer.headers["Api-Version"] == "1.41" and answer.headers["Ostype"] == "linux"
            assert await answer.text() == ("OK" if method == "GET" else "")


async def test_every_answer_says_its_version_and_errors_are_json(client: Client) -> None:
    async with client.session.get("http://docker/nosuch") as answer:
        assert answer.status == 404 and answer.headers["Api-Version"] == "1.41"
        assert answer.headers["Content-Type"] == "application/json"
        assert await answer.text() == '{"message":"page not found"}\n'


@pytest.mark.parametrize(("path", "status"), [
    ("/version", 200), ("/v1.41/version", 200), ("/v1.24/version", 200), ("/v1.99/version", 400),
    ("/v1.12/version", 400), ("/v2.0/nodes", 400), ("/v1.41/", 404), ("/", 404), ("/nodes/a/b", 404),
])
async def test_versions_in_paths(client: Client, path: str, status: int) -> None:
    assert (await client.get(path))[0] == status


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/nodes"), ("GET", "/services"), ("GET", "/tasks"), ("GET", "/swarm"), ("POST", "/services/create"),
    ("GET", "/secrets"), ("GET", "/configs/x"), ("DELETE", "/nodes/x"), ("GET", "/services/x/logs?stdout=1"),
    ("GET", "/swarm/unlockkey"), ("POST", "/swarm/update?version=1"),
])
async def test_swarm_calls_without_a_swarm_and_on_a_worker(client: Client, method: str, path: str) -> None:
    assert await client.call(method, path, {}) == (503, {"message": NO_SWARM})
    assert (await client.post("/swarm/join", {"RemoteAddrs": ["10.7.0.1:2377"], "JoinToken": "x"}))[0] == 200
    assert await client.call(method, path, {}) == (503, {"message": WORKER})


async def test_init_twice_and_leave(manager: Client) -> None:
    status, answer = await manager.post("/swarm/init", {})
    assert status == 503 and "already part of a swarm" in str(answer)
    assert (await manager.post("/swarm/leave"))[0] == 400
    assert await manager.post("/swarm/leave?force=1") == (200, "")
    assert (await manager.get("/nodes"))[0] == 503


@pytest.mark.parametrize(("path", "body", "status", "text"), [
    ("/swarm/init", {"Availability": "bogus"}, 400, 'invalid Availability: \\"bogus\\"'),
    ("/swarm/init", {"AdvertiseAddr": 5}, 400, "AdvertiseAddr"),
    ("/swarm/init", {"AdvertiseAddr": "10.1.2.3"}, 400, "no interface has the address"),
    ("/swarm/init", [], 400, "must be a JSON object"),
    ("/swarm/join", {}, 400, "at least 1 RemoteAddr"),
])
async def test_wrong_requests(client: Client, path: str, body: object, status: int, text: str) -> None:
    found, answer = await client.post(path, body)
    assert found == status and text in json.dumps(answer)


async def test_info_has_the_members_of_the_real_one(manager: Client) -> None:
    _, info = await manager.get("/info")
    assert shape(info["Swarm"]) == shape(golden("info_swarm")["Swarm"])  # type: ignore[index]
    assert (info["Name"], info["ServerVersion"]) == ("manager1", "0.1.0")  # type: ignore[index]


async def test_services_from_create_to_remove(manager: Client) -> None:
    status, created = await manager.post("/services/create", SPEC)
    assert status == 201
    service_id = created["ID"]  # type: ignore[index]
    status, answer = await manager.post("/services/create", SPEC)
    assert status == 409 and str(answer).count("rpc error: code = AlreadyExists desc = name conflicts") == 1
    await until(lambda: len(manager.backend.control().list_tasks()) == 2)
    [listed] = (await manager.get("/services?status=true"))[1]  # type: ignore[misc]
    assert listed["ServiceStatus"] == {"RunningTasks": 2, "DesiredTasks": 2, "CompletedTasks": 0}
    for ref in (service_id, "web", service_id[:7]):
        assert (await manager.get(f"/services/{ref}?insertDefaults=false"))[1]["ID"] == service_id  # type: ignore[index]
    assert await manager.get("/services/nosuch") == (404, {"message": "service nosuch not found"})
    version = listed["Version"]["Index"]
    more = {**listed["Spec"], "Mode": {"Replicated": {"Replicas": 4}}}
    assert await manager.post(f"/services/web/update?version={version}", more) == (200, {"Warnings": None})
    stale = await manager.post(f"/services/web/update?version={version}", more)
    assert stale == (500, {"message": "rpc error: code = Unknown desc = update out of sequence"})
    await until(lambda: len(manager.backend.control().list_tasks()) == 4)
    assert await manager.call("DELETE", "/services/web") == (200, "")
    assert (await manager.get("/services"))[1] == []


@pytest.mark.parametrize("version", ["", "?version=", "?version=x", "?version=-1", "?version=1.5"])
async def test_updates_must_quote_a_version(manager: Client, version: str) -> None:
    for noun, path in (("service", "/services/x/update"), ("node", "/nodes/x/update"), ("swarm", "/swarm/update")):
        status, answer = await manager.post(path + version, {})
        assert status == 400 and f"invalid {noun} version" in str(answer)


@pytest.mark.parametrize(("filters", "count"), [
    ({}, 2), ({"service": ["web"]}, 2), ({"node": ["manager1"]}, 0), ({"desired-state": ["running"]}, 2),
    ({"desired-state": ["shutdown"]}, 0), ({"_up-to-date": ["true"]}, 2), ({"_up-to-date": ["false"]}, 0),
    ({"name": ["web.1"]}, 1), ({"label": ["a=b"]}, 2), ({"label": ["a=c"]}, 0), ({"service": {"web": True}}, 2),
])
async def test_filters_of_tasks(manager: Client, filters: dict[str, Any], count: int) -> None:
    await manager.post("/services/create", {**SPEC, "Labels": {"a": "b"}})
    await until(lambda: len(manager.backend.control().list_tasks()) == 2)
    status, tasks = await manager.get(f"/tasks?filters={json.dumps(filters)}")
    assert status == 200 and len(tasks) == count  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "filters", "status", "text"), [
    ("/tasks", '{"desired-state":["bogus"]}', 500, "Invalid desired-state filter: 'bogus'"),
    ("/tasks", '{"service":["nosuch"]}', 404, "service nosuch not found"),
    ("/tasks", '{"bad":["x"]}', 400, "Invalid filter 'bad'"),
    ("/nodes", '{"role":["boss"]}', 500, "Invalid role filter: 'boss'"),
    ("/nodes", "{", 400, "invalid filters"),
    ("/containers/json", '{"name":["("]}', 400, "Invalid filter 'name=('"),
])
async def test_wrong_filters(manager: Client, path: str, filters: str, status: int, text: str) -> None:
    await manager.post("/containers/create", {"Image": "nginx"})
    found, answer = await manager.get(f"{path}?all=1&filters={filters}")
    assert found == status and text in str(answer.get("message"))  # type: ignore[attr-defined]


async def test_nodes(manager: Client) -> None:
    _, nodes = await manager.get('/nodes?filters={"role":["worker"]}')
    assert [node["Description"]["Hostname"] for node in nodes] == ["worker1", "worker2"]  # type: ignore[attr-defined]
    node = nodes[0]  # type: ignore[index]
    spec = {**node["Spec"], "Availability": "drain"}
    path = f"/nodes/{node['ID']}/update?version={node['Version']['Index']}"
    assert await manager.post(path, spec) == (200, "")
    assert (await manager.get("/nodes/worker1"))[1]["Spec"]["Availability"] == "drain"  # type: ignore[index]
    status, answer = await manager.call("DELETE", "/nodes/worker1")
    assert status == 400 and "is not down and can't be removed" in str(answer)
    assert await manager.get("/nodes/self") == (404, {"message": "node self not found"})


async def test_rotating_a_token(manager: Client) -> None:
    before = (await manager.get("/swarm"))[1]
    version = before["Version"]["Index"]  # type: ignore[index]
    path = f"/swarm/update?version={version}&rotateWorkerToken=True&rotateManagerToken=false"
    assert await manager.post(path, before["Spec"]) == (200, "")  # type: ignore[index]
    after = (await manager.get("/swarm"))[1]
    assert after["JoinTokens"]["Worker"] != before["JoinTokens"]["Worker"]  # type: ignore[index]
    assert after["JoinTokens"]["Manager"] == before["JoinTokens"]["Manager"]  # type: ignore[index]


async def test_networks_on_a_manager(manager: Client) -> None:
    _, networks = await manager.get("/networks")
    assert sorted(n["Name"] for n in networks) == [  # type: ignore[attr-defined]
        "bridge", "docker_gwbridge", "host", "ingress", "none"]
    _, ingress = await manager.get("/networks/ingress?verbose=true&scope=swarm")
    real = golden("network_ingress_verbose")
    assert set(ingress) == set(real) and shape(ingress["Peers"]) == shape(real["Peers"])  # type: ignore[call-overload, index]
    assert ingress["Services"][""]["Tasks"][0].keys() == real["Services"][""]["Tasks"][0].keys()  # type: ignore[index]
    assert (await manager.call("DELETE", "/networks/bridge"))[0] == 403
    assert (await manager.get("/networks/nosuch"))[0] == 404
    assert (await manager.get("/networks/docker_gwbridge?scope=swarm"))[0] == 404
    _, host = await manager.get("/networks/host?scope=swarm")
    assert (host["Id"], host["Scope"]) == ("host", "swarm"), "as a service names it"  # type: ignore[call-overload, index]


async def test_networks_on_a_worker_are_those_it_carries(client: Client) -> None:
    await client.post("/swarm/join", {"RemoteAddrs": ["10.7.0.1:2377"], "JoinToken": "x"})
    client.backend.carried = [NetworkAssignment(
        id="n1", name="ingress", vni=4096, subnet="10.0.0.0/24", gateway="10.0.0.1", ingress=True,
        node_address="10.0.0.3/24", peers=[Peer(address="10.0.0.2", node_address="10.7.0.1")])]
    found = {network["Name"]: network for network in (await client.get("/networks"))[1]}  # type: ignore[attr-defined]
    assert set(found) == {"bridge", "docker_gwbridge", "host", "ingress", "none"}
    assert set(found["ingress"]) == set(golden("networks_worker")[0])
    assert [peer["IP"] for peer in found["ingress"]["Peers"]] == ["10.7.0.1", "10.7.0.2"]


async def test_container_inspect_has_the_members_of_the_real_one(client: Client) -> None:
    _, created = await client.post("/containers/create?name=c1", {"Image": "nginx"})
    assert (await client.post("/containers/c1/start"))[0] == 204
    _, mine = await client.get(f"/containers/{created['Id']}/json")  # type: ignore[index]
    real = golden("container_inspect_worker")
    for part in ("State", "HostConfig", "Config", "NetworkSettings"):
        assert set(mine[part]) == set(real[part]), part  # type: ignore[index]
    assert set(mine) == set(real)  # type: ignore[call-overload]
    assert set(mine["NetworkSettings"]["Networks"]["bridge"]) == set(  # type: ignore[index]
        real["NetworkSettings"]["Networks"]["ingress"])


async def test_the_life_of_a_container(client: Client) -> None:
    body = {"Image": "nginx", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}}
    assert (await client.post("/containers/create?name=c1", body))[0] == 201
    assert (await client.post("/containers/create?name=c1", body))[0] == 409
    assert (await client.post("/containers/create", {"Image": "nosuch"}))[0] == 404
    assert (await client.post("/containers/c1/start"))[0] == 204
    assert (await client.post("/containers/c1/start"))[0] == 304
    [listed] = (await client.get("/containers/json"))[1]  # type: ignore[misc]
    assert listed["Ports"] == [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]
    assert listed["Status"].startswith("Up ")
    assert (await client.call("DELETE", "/containers/c1"))[0] == 409
    assert (await client.post("/containers/c1/rename?name=c2"))[0] == 204
    assert (await client.post("/containers/c2/kill?signal=SIGNONSENSE"))[0] == 400
    assert (await client.post("/containers/c2/stop?t=3"))[0] == 204
    assert client.backend.engine.asked[-1] == ("stop", 3.0)
    await until(lambda: not client.backend.engine.get("c2").running)
    assert (await client.post("/containers/c2/stop"))[0] == 304
    assert (await client.post("/containers/c2/kill"))[0] == 409
    assert (await client.get("/containers/json"))[1] == []
    [listed] = (await client.get("/containers/json?all=1"))[1]  # type: ignore[misc]
    assert listed["Status"].startswith("Exited (143)") and listed["State"] == "exited"
    assert (await client.call("DELETE", "/containers/c2"))[0] == 204
    assert await client.get("/containers/c2/json") == (404, {"message": "No such container: c2"})


async def test_a_killed_container_has_ended_when_the_answer_comes(client: Client) -> None:
    await client.post("/containers/create?name=c1", {"Image": "nginx"})
    await client.post("/containers/c1/start")
    assert (await client.post("/containers/c1/kill"))[0] == 204
    assert (await client.get("/containers/c1/json"))[1]["State"]["ExitCode"] == 137  # type: ignore[index]


async def test_what_is_known_and_not_there_yet_says_so(client: Client) -> None:
    known = ["POST /commit", "POST /build", "POST /build/cancel", "POST /plugins/pull"]
    for method, path in (line.split() for line in known):
        status, answer = await client.call(method, path)
        assert status == 501 and "is not there yet in this kit" in str(answer)


async def test_inspect_of_anything_goes_on_looking(manager: Client) -> None:
    """`docker inspect X` asks all of these until one is not 404."""
    for path in ("containers/X/json", "images/x/json", "networks/X", "volumes/X", "services/X", "tasks/X", "nodes/X",
                 "plugins/X/json", "secrets/X", "configs/X"):
        assert (await manager.get(f"/{path}"))[0] == 404, path


async def test_pulling(client: Client) -> None:
    status, text = await client.post("/images/create?fromImage=nosuch&tag=latest")
    assert status == 404 and "this kit is offline; images of this host" in str(text)
    assert "busybox:latest, nginx:1.18, nginx:latest, swb/tiny:1" in str(text)
    async with client.session.post("http://docker/images/create?fromImage=nginx&tag=latest") as answer:
        lines = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert lines[-1] == {"status": "Status: Image is up to date for nginx:latest"}
    digest = (await client.get("/distribution/nginx:latest/json"))[1]["Descriptor"]["digest"]  # type: ignore[index]
    assert (await client.get(f"/images/nginx:latest@{digest}/json"))[0] == 200
    assert (await client.get("/distribution/127.0.0.1:5000/bb:1/json"))[0] == 404


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe", b"5", b'"x"', b"[" * 100_000, b'{"a":' * 5000])
async def test_bodies_that_are_no_json_object(manager: Client, data: bytes) -> None:
    for path in ("/swarm/init", "/services/create", "/containers/create", "/containers/x/exec"):
        async with manager.session.post(f"http://docker{path}", data=data) as answer:
            assert answer.status == 400, await answer.text()
            assert set(await answer.json()) == {"message"}


async def test_a_body_too_large(manager: Client) -> None:
    async with manager.session.post("http://docker/services/create", data=b" " * (BODY_LIMIT + 1)) as answer:
        assert answer.status == 400 and "too large" in await answer.text()


async def test_any_content_type_and_nulls(manager: Client) -> None:
    data = json.dumps({**SPEC, "Labels": None, "Unknown": {"x": 1}})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with manager.session.post("http://docker/services/create", data=data, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


async def test_an_unexpected_error_is_logged_and_not_shown(
    manager: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(manager.backend.images, "all", broken)
    status, answer = await manager.get("/images/json")
    assert status == 500 and "secret detail" not in str(answer) and "internal error" in str(answer)
    assert "secret detail" in caplog.text


async def test_no_call_answers_500_to_an_empty_body(manager: Client) -> None:
    """Missing fields are the client's error, or mean a default; they are never ours."""
    from swarmkit_py.docker_api.dispatch import all_routes

    for route in all_routes():
        if route.method == "GET" or route.template in ("/swarm/leave",):
            continue
        path = route.template.replace("{id...}", "x").replace("{name...}", "x").replace("{id}", "x")
        status, answer = await manager.call(route.method, path, {})
        assert status != 500, (route, answer)


async def test_a_socket_left_behind_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = await serve(FakeBackend(), path)
    with pytest.raises(Internal, match="another daemon listens"):
        await serve(FakeBackend(), path)
    await server.close()
    assert not path.exists()


async def test_a_path_too_long(tmp_path: Path) -> None:
    with pytest.raises(Internal, match="longer than the kernel allows"):
        await serve(FakeBackend(), tmp_path / ("x" * 120))


async def test_events_of_containers_and_of_the_store(manager: Client) -> None:
    async with manager.session.get("http://docker/events?since=1") as stream:
        await manager.post("/services/create", SPEC)
        await manager.post("/containers/create?name=c1", {"Image": "nginx", "Labels": {"k": "v"}})
        seen: list[dict[str, Any]] = []
        while not any(event["Type"] == "container" for event in seen):
            seen.append(json.loads(await asyncio.wait_for(stream.content.readline(), 5)))
    created = next(event for event in seen if event["Type"] == "service")
    assert created["Action"] == "create" and created["Actor"]["Attributes"] == {"name": "web"}
    assert created["scope"] == "swarm" and created["timeNano"] // 10**9 == created["time"]
    container = seen[-1]
    assert (container["status"], container["from"], container["scope"]) == ("create", "nginx", "local")
    assert container["Actor"]["Attributes"] == {"k": "v", "image": "nginx", "name": "c1"}


async def test_events_end_and_are_replayed(manager: Client) -> None:
    await manager.post("/containers/create?name=c1", {"Image": "nginx"})
    await until(lambda: len(manager.backend.engine.all()) == 1)
    filters = json.dumps({"type": ["container"], "event": ["create"]})
    async with manager.session.get(f"http://docker/events?since=1&until=9999&filters={filters}") as answer:
        assert await answer.text() == ""
    now = int(manager.backend.clock.now().timestamp())
    async with manager.session.get(f"http://docker/events?since=1&until={now + 1}&filters={filters}") as answer:
        [event] = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert event["Actor"]["Attributes"]["name"] == "c1"


async def test_a_scaled_service_tells_old_and_new(manager: Client) -> None:
    await manager.post("/services/create", SPEC)
    async with manager.session.get('http://docker/events?filters={"event":["update"],"type":["service"]}') as stream:
        _, service = await manager.get("/services/web")
        spec = {**service["Spec"], "Mode": {"Replicated": {"Replicas": 5}}}  # type: ignore[index]
        await manager.post(f"/services/web/update?version={service['Version']['Index']}", spec)  # type: ignore[index]
        event = json.loads(await asyncio.wait_for(stream.content.readline(), 5))
    assert event["Actor"]["Attributes"] == {"name": "web", "replicas.old": "2", "replicas.new": "5"}


async def test_volumes_over_http(client: Client) -> None:
    status, made = await client.post("/volumes/create", {"Name": "v1", "Labels": {"a": "b"}, "Driver": "local"})
    assert status == 201 and isinstance(made, dict) and (made["Name"], made["Scope"]) == ("v1", "local")
    assert (await client.get("/volumes/v1"))[1] == made
    assert (await client.get('/volumes?filters={"label":["a=b"]}'))[1] == {"Volumes": [made], "Warnings": None}
    assert (await client.get('/volumes?filters={"dangling":["false"]}'))[1] == {"Volumes": [], "Warnings": None}
    assert (await client.get('/volumes?filters={"nope":["1"]}'))[0] == 400
    assert (await client.post("/volumes/create", {"Name": "../x"}))[0] == 400
    assert (await client.post("/volumes/create", {"Name": "v2", "Driver": "nfs"}))[0] == 404
    assert await client.post('/volumes/prune?filters={"label!":["a"]}') == (
        200, {"VolumesDeleted": None, "SpaceReclaimed": 0})
    assert (await client.call("DELETE", "/volumes/v1"))[0] == 204
    assert await client.call("DELETE", "/volumes/v1") == (404, {"message": "get v1: no such volume"})
    assert (await client.call("DELETE", "/volumes/v1?force=1"))[0] == 204
