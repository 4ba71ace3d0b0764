"""Owns reading `POST /networks/create`: Docker's body, what of it can be done, and the spec it comes to. Pure.

Counterpart: NetworkCreateRequest of moby/api/types, moby/daemon/cluster/convert/network.go.
"""

from __future__ import annotations

from msgspec import field

from swarmkit_py.errors import InvalidArgument, NotFound, Unimplemented
from swarmkit_py.model.base import Model
from swarmkit_py.model.specs import IPAMConfig, NetworkSpec


class AddressManagement(Model, frozen=True, kw_only=True):
    driver: str | None = None
    options: dict[str, str] | None = None
    config: list[IPAMConfig] | None = None


class ConfigReference(Model, frozen=True, kw_only=True):
    network: str = ""


class NetworkRequest(Model, frozen=True, kw_only=True):
    """The body of `POST /networks/create`."""

    name: str = ""
    driver: str = ""
    scope: str = ""
    enable_ipv6: bool = field(default=False, name="EnableIPv6")
    ipam: AddressManagement | None = None
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    options: dict[str, str] | None = None
    labels: dict[str, str] | None = None

    @property
    def of_the_swarm(self) -> bool:
        """True for an overlay; anything else is made on one machine."""
        return self.driver == "overlay" or self.scope == "swarm" or self.ingress


def network_spec(request: NetworkRequest) -> NetworkSpec:
    """Raises InvalidArgument, NotFound (a driver), Unimplemented."""
    if request.scope not in ("", "swarm", "local") or (request.scope == "local" and request.of_the_swarm):
        raise InvalidArgument(f'invalid scope "{request.scope}" for driver {request.driver or "bridge"}')
    if request.config_only or (request.config_from and request.config_from.network):
        raise Unimplemented("networks that only hold settings (--config-only, --config-from) are not there yet here")
    addresses = request.ipam or AddressManagement()
    if (addresses.driver or "default") != "default":
        raise NotFound(f'plugin "{addresses.driver}" not found')
    return NetworkSpec(
        name=request.name, labels=request.labels or {}, driver=request.driver or "bridge",
        driver_options=request.options or None, ipv6=request.enable_ipv6, internal=request.internal,
        attachable=request.attachable, ingress=request.ingress,
        ipam=addresses.config or None, ipam_options=addresses.options or None,
    )
