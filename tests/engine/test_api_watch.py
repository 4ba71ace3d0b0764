"""The Watch API: commits by version, whole, selected, and gone on from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.engine.api_rig import Client, served

SERVICE = {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "busybox"}}}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with served() as made:
        status, _ = await made.post("/swarm/init", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "127.0.0.1"})
        assert status == 200
        yield made


async def follow(client: Client, lines: int, **query: Any) -> list[dict[str, Any]]:
    """So many lines of the stream, which then is left; a service is made meanwhile."""
    texts = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in query.items()}
    found = []
    async with client.session.get(f"http://docker/swarmkit/watch?{urlencode(texts)}") as answer:
        assert answer.status == 200, await answer.text()
        while len(found) < lines:
            found.append(json.loads(await asyncio.wait_for(answer.content.readline(), 10)))
            if len(found) == 1 and "from" not in query:
                assert (await client.post("/services/create", SERVICE))[0] == 201
    return found


async def test_a_follower_hears_of_a_commit_and_goes_on_from_it_later(client: Client) -> None:
    first, made = await follow(client, 2)
    assert set(first) == {"Version"} and made["Version"] > first["Version"]
    event, = made["Events"]
    assert (event["Action"], event["Kind"], event["Name"]) == ("create", "service", "web")
    assert event["Object"]["Spec"]["Name"] == "web"
    again = await follow(client, 2, **{"from": first["Version"]})
    assert again[1] == made, "the same commit, to one who comes later"


async def test_a_follower_hears_only_of_what_it_selected(client: Client) -> None:
    first, made = await follow(client, 2, filters={"kind": ["service"], "name": ["web"]})
    assert [event["Kind"] for event in made["Events"]] == ["service"]
    service = made["Events"][0]["Object"]
    spec = {**service["Spec"], "Labels": {"a": "b"}}
    path = f"/services/{service['ID']}/update?version={service['Version']['Index']}"
    assert (await client.post(path, spec))[0] == 200
    _, changed = await follow(client, 2, **{"from": made["Version"], "old": 1, "filters": {"kind": ["service"]}})
    event, = changed["Events"]
    assert (event["OldObject"]["Spec"]["Labels"], event["Object"]["Spec"]["Labels"]) == ({}, {"a": "b"})


async def test_secrets_and_tokens_are_not_in_it(client: Client) -> None:
    here = (await follow(client, 1))[0]["Version"]
    assert (await client.post("/secrets/create", {"Name": "s", "Data": "aGlkZGVu"}))[0] == 201
    _, made = await follow(client, 2, **{"from": here, "filters": {"kind": ["secret"]}})
    text = json.dumps(made)
    assert '"secret"' in text and "aGlkZGVu" not in text and "hidden" not in text and "SWMTKN" not in text


@pytest.mark.parametrize(("query", "text"), [
    ("from=99999", "does not exist yet"), ("from=-1", "a number from 0 on"), ("from=x", "not a whole number"),
    ('filters={"bogus":["1"]}', "Invalid filter 'bogus'"), ('filters={"kind":["job"]}', "Invalid filter 'kind=job'"),
])
async def test_what_cannot_be_followed(client: Client, query: str, text: str) -> None:
    status, answer = await client.get(f"/swarmkit/watch?{query}")
    assert status == 400 and text in str(answer)
