"""Owns the texts of the three files Docker writes for each container: hosts, hostname, resolv.conf. Pure.

Counterpart: libnetwork/etchosts/etchosts.go, libnetwork/resolvconf/resolvconf.go.
"""

from __future__ import annotations

from swarmkit_py.model.mounts import DNSConfig
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
    addresses = [overlay.address for overlay in sandbox.overlays] or [
        sandbox.bridge_address, *(place.address for place in sandbox.locals)]
    return [address.partition("/")[0] for address in addresses if address]


def resolv_conf(host: str, *, own_namespace: bool, resolver: str = "", dns: DNSConfig | None = None) -> str:
    """The host's resolv.conf; with a network of its own, minus resolvers on the host's loopback. What `dns` names
    takes the place of the host's lines of that kind (a search list of `.` alone: no search list). With a resolver of
    its own, that one alone is asked (it knows `dns.nameservers`); `ndots:0`: a name without a dot is asked for as it
    stands, as a service's is."""
    if not own_namespace and dns is None:
        return host
    dns = dns or DNSConfig()
    lines = [line.split() for line in (_reachable(host) if own_namespace else host).splitlines()]
    servers = [resolver] if resolver else dns.nameservers or []
    search, options = dns.search or [], list(dns.options or ())
    if resolver and not any(option.startswith("ndots:") for option in options):
        options.append("ndots:0")
    kinds = (("nameserver", servers), ("search", search), ("options", options))
    replaced = {kind for kind, values in kinds if values} | ({"domain"} if search else set())
    kept = [words for words in lines if words and words[0] not in replaced and not (resolver and words[0][0] in "#;")]
    said = [["nameserver", server] for server in servers] + [
        [kind, *values] for kind, values in kinds[1:] if values and values != ["."]]
    return "".join(" ".join(words) + "\n" for words in [*said[:len(servers)], *kept, *said[len(servers):]])


def _reachable(host: str) -> str:
    lines = []
    for line in host.splitlines():
        words = line.split()
        unreachable = words[:1] == ["nameserver"] and len(words) > 1 and words[1].startswith(("127.", "::1"))
        if not unreachable:
            lines.append(line + "\n")
    return "".join(lines)
