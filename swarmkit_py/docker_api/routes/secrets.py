"""Owns `docker secret …` and `docker config …` on the wire. A secret's data is taken, and never given.

Counterpart: moby/api/server/router/swarm/cluster_routes.go (secrets, configs), daemon/cluster/{secrets,configs}.go.
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api import filters as accepted
from swarmkit_py.docker_api.answers import empty_answer, json_answer
from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.convert import Json, meta, plain
from swarmkit_py.docker_api.filters import Filters, parse_filters
from swarmkit_py.docker_api.routing import Route
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Config, Secret
from swarmkit_py.model.specs import ConfigSpec, SecretSpec


def secret_json(secret: Secret) -> Json:
    """A secret as anybody may see it: without its data."""
    spec = plain(secret.spec)
    spec.pop("Data", None)
    return {**meta(secret), "Spec": spec}


def config_json(config: Config) -> Json:
    """A config, with its data."""
    return {**meta(config), "Spec": plain(config.spec)}


def selected(found: Secret | Config, filters: Filters) -> bool:
    """True if it passes the filters of `GET /secrets` or `/configs`: `name` is a prefix, `names` exact."""
    return (
        filters.prefix("id", found.id)
        and filters.prefix("name", found.spec.name)
        and filters.exact("names", found.spec.name)
        and filters.labels("label", found.spec.labels)
    )


def _version(call: Call, noun: str) -> int:
    try:
        return call.version(noun)
    except InvalidArgument:
        raise InvalidArgument(f"invalid {noun} version") from None


async def list_secrets(call: Call) -> web.StreamResponse:
    filters = parse_filters(call.query("filters"), accepted.SECRETS)
    return json_answer([secret_json(found) for found in call.control().list_secrets() if selected(found, filters)])


async def create_secret(call: Call) -> web.StreamResponse:
    control = call.control()
    return json_answer({"ID": control.create_secret(await call.decode(SecretSpec)).id}, status=201)


async def inspect_secret(call: Call) -> web.StreamResponse:
    return json_answer(secret_json(call.control().get_secret(call.params["id"])))


async def update_secret(call: Call) -> web.StreamResponse:
    control = call.control()
    version = _version(call, "secret")
    control.update_secret(call.params["id"], version, await call.decode(SecretSpec))
    return empty_answer()


async def remove_secret(call: Call) -> web.StreamResponse:
    call.control().remove_secret(call.params["id"])
    return empty_answer(204)


async def list_configs(call: Call) -> web.StreamResponse:
    filters = parse_filters(call.query("filters"), accepted.CONFIGS)
    return json_answer([config_json(found) for found in call.control().list_configs() if selected(found, filters)])


async def create_config(call: Call) -> web.StreamResponse:
    control = call.control()
    return json_answer({"ID": control.create_config(await call.decode(ConfigSpec)).id}, status=201)


async def inspect_config(call: Call) -> web.StreamResponse:
    return json_answer(config_json(call.control().get_config(call.params["id"])))


async def update_config(call: Call) -> web.StreamResponse:
    control = call.control()
    version = _version(call, "config")
    control.update_config(call.params["id"], version, await call.decode(ConfigSpec))
    return empty_answer()


async def remove_config(call: Call) -> web.StreamResponse:
    call.control().remove_config(call.params["id"])
    return empty_answer(204)


ROUTES = [
    Route("GET", "/secrets", list_secrets),
    Route("POST", "/secrets/create", create_secret),
    Route("GET", "/secrets/{id}", inspect_secret),
    Route("POST", "/secrets/{id}/update", update_secret),
    Route("DELETE", "/secrets/{id}", remove_secret),
    Route("GET", "/configs", list_configs),
    Route("POST", "/configs/create", create_config),
    Route("GET", "/configs/{id}", inspect_config),
    Route("POST", "/configs/{id}/update", update_config),
    Route("DELETE", "/configs/{id}", remove_config),
]
