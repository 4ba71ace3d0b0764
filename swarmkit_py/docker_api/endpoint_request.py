"""Owns which places on networks a container is asked to have: EndpointsConfig and the network mode. Pure; whether the
networks exist is known when it starts.

Counterpart: EndpointSettings of moby/api/types/network, moby/daemon/container_operations.go.
"""

from __future__ import annotations

from typing import Any

from swarmkit_py.docker_api.convert import Json
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.model.local import LocalPlace

BUILT_IN = ("bridge", "host", "none")
_SHOWN_ONLY = {"NetworkID", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway", "GlobalIPv6Address",
               "GlobalIPv6PrefixLen", "MacAddress", "DNSNames"}
"""What inspect says of an endpoint, which clients may send back: asks for nothing."""


def local_places(endpoints: Json, mode: str) -> list[LocalPlace]:
    """The networks named beside docker0, the one that `mode` names first. Raises InvalidArgument, Unimplemented."""
    found = {}
    for name, endpoint in endpoints.items():
        if name in (*BUILT_IN, "default"):
            refuse_built_in(endpoint)
        else:
            found[name] = place(name, endpoint)
    if mode in BUILT_IN:
        if found:
            raise InvalidArgument(f"conflicting options: the network mode {mode} and the network {next(iter(found))}")
        return []
    first = found.pop(mode, LocalPlace(network=mode))
    if found:
        raise InvalidArgument(
            "Container cannot be connected to network endpoints: " + ", ".join([mode, *found]))
    return [first]


def place(network: str, endpoint: Any) -> LocalPlace:
    """One endpoint's settings. Raises InvalidArgument, Unimplemented."""
    settings = _settings(endpoint)
    addresses = settings.get("IPAMConfig", {})
    for name, value in {**settings, **addresses}.items():
        if value and name not in (*_SHOWN_ONLY, "IPAMConfig", "IPv4Address", "Aliases"):
            raise Unimplemented(f"the endpoint setting {name} is not there yet in this kit: leave it out")
    aliases = settings.get("Aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise InvalidArgument("the request body does not fit: Aliases must be a list of strings")
    return LocalPlace(network=network, address=str(addresses.get("IPv4Address", "")), aliases=aliases)


def _settings(endpoint: Any) -> Json:
    settings: Json = endpoint or {}
    if not isinstance(settings, dict) or not isinstance(settings.get("IPAMConfig", {}), dict):
        raise InvalidArgument("the request body does not fit: an endpoint's settings must be of type dict")
    return settings


def refuse_built_in(endpoint: Any) -> None:
    """Raises InvalidArgument for what only networks of one's own can do."""
    asked = place("bridge", endpoint)
    if asked.address:
        raise InvalidArgument("user specified IP address is supported on user defined networks only")
    if asked.aliases:
        raise InvalidArgument("network-scoped alias is supported only for containers in user defined networks")
