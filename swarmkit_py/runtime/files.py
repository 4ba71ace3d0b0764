"""Owns the texts of the three files Docker writes for each container: hosts, hostname, resolv.conf. Pure.

Counterpart: libnetwork/etchosts/etchosts.go, libnetwork/resolvconf/resolvconf.go.
"""

from __future__ import annotations

from swarmkit_py.runtime.base import Sandbox

_LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff00::0\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)


def hosts(hostname: str, sandbox: Sandbox | None, extra: list[str]) -> str:
    """/etc/hosts: localhost, `name:address` extras, then the container's own addresses."""
    lines = []
    for entry in extra:
        name, _, address = entry.partition(":")
        lines.append(f"{address}\t{name}\n")
    return _LOCAL + "".join(lines) + "".join(f"{address}\t{hostname}\n" for address in own_addresses(sandbox))


def own_addresses(sandbox: Sandbox | None) -> list[str]:
    """Without prefix; on overlays the gateway bridge's address is not one's name."""
    if sandbox is None:
        return []
    addresses = [overlay.address for overlay in sandbox.overlays] or [sandbox.bridge_address]
    return [address.partition("/")[0] for address in addresses if address]


def resolv_conf(host: str, *, own_namespace: bool, resolver: str = "") -> str:
    """The host's resolv.conf; with a network of its own, minus resolvers on the host's loopback; with a resolver of
    its own, that one alone. `ndots:0`: a name without a dot is asked for as it stands, as a service's is."""
    if not own_namespace:
        return host
    if resolver:
        kept = (line for line in host.splitlines() if line.split()[:1] in (["search"], ["domain"]))
        return "".join([f"nameserver {resolver}\n", *(line + "\n" for line in kept), "options ndots:0\n"])
    lines = []
    for line in host.splitlines():
        words = line.split()
        unreachable = words[:1] == ["nameserver"] and len(words) > 1 and words[1].startswith(("127.", "::1"))
        if not unreachable:
            lines.append(line + "\n")
    return "".join(lines)
