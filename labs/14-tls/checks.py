"""What lab 14 looks at. Points: 18 here, 2 for the predictions.

Who is who is read from the files of each node; what is encrypted, from packets that carry a number used once. The
tokens as they were given stand in a config, which nobody can change; it also dates the nodes that were there first.
"""

from __future__ import annotations

import base64
import re
import uuid
from datetime import datetime
from typing import Any

from labs.kit.captures import Heard, Place
from labs.kit.checks import Checks
from labs.kit.engine_client import EngineError
from labs.kit.view import View
from labs.kit.waiting import until
from labs.kit.world import LiveTask

lab = Checks("14-tls")
CONVERGE = 20.0
MANAGER, PORT, VXLAN_PORT = "manager1", 2377, 4789
FOLDER = "/srv/docker/swarm/certificates"
MEMBERS_ONLY = "/v1/ca/renew"
"""A call for members: whoever shows no certificate is answered 401, before anything else is looked at."""
READ = (f"cd {FOLDER} 2>/dev/null && openssl x509 -in swarm-node.crt -noout -subject -issuer -serial -dates "
        "-nameopt sep_multiline && openssl x509 -in swarm-node.crt -noout -pubkey")
VERIFY = f"openssl verify -CAfile /dev/stdin {FOLDER}/swarm-node.crt"
KEYS = ("grep -rlsI 'BEGIN .*PRIVATE KEY' /root /home /tmp /var/tmp /srv/docker/swarm 2>/dev/null | "
        "while read -r f; do openssl pkey -in \"$f\" -passin pass: -pubout 2>/dev/null; done")
PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
BACKDATE = 3600
"""Seconds by which a certificate begins before it is made, so that clocks may differ."""


def certificate(c: View, host: str) -> dict[str, str]:
    """O (the cluster), OU (the role), CN (the node), dates and public key, from the file on the host's disk."""
    text = c.run(host, ["sh", "-c", READ]).stdout
    found = dict(re.findall(r"^\s*(OU|O|serial|notBefore|notAfter)\s*=\s*(.+)$", text, re.MULTILINE))
    names = re.findall(r"^\s*CN\s*=\s*(.+)$", text, re.MULTILINE)
    public = PUBLIC.search(text)
    return {**found, "CN": names[0], "public": public.group() if public else ""} if names else {}


def listed(c: View) -> list[dict[str, Any]]:
    """The nodes as manager1 lists them, once they have said their names; none while it is no manager."""
    return [node for node in _asked(c, "/nodes") or [] if node["Description"].get("Hostname")]


def _asked(c: View, path: str) -> Any:
    try:
        return c.engine(MANAGER).get(path)
    except EngineError as error:
        if error.status in (404, 406, 503):
            return None
        raise


def name(node: dict[str, Any]) -> str:
    return str(node["Description"]["Hostname"])


def given(c: View) -> dict[str, Any] | None:
    """The config with the tokens of the beginning."""
    return next((one for one in _asked(c, "/configs") or [] if one["Spec"]["Name"] == c.p.note), None)


def first_tokens(c: View) -> list[str]:
    """The worker's and the manager's, as they were given."""
    note = given(c)
    return base64.b64decode(note["Spec"]["Data"]).decode().split() if note else []


def tokens(c: View) -> list[str]:
    found = (_asked(c, "/swarm") or {}).get("JoinTokens")
    return [found["Worker"], found["Manager"]] if found else []


def secret(token: str) -> str:
    """A token's last part: the one before is the root's digest, which another root changes too."""
    return token.rpartition("-")[2]


def changed(c: View) -> list[bool]:
    """Of the worker's and the manager's token: is it another one than was given?"""
    return [secret(old) != secret(new) for old, new in zip(first_tokens(c), tokens(c), strict=False)]


def old_nodes(c: View) -> dict[str, dict[str, Any]]:
    """Those of the beginning that are still listed, by host name."""
    note = given(c)
    return {name(node): node for node in listed(c) if note and moment(node) < moment(note)}


def moment(found: dict[str, Any], key: str = "CreatedAt") -> datetime:
    return datetime.fromisoformat(re.sub(r"\.(\d+)Z$", lambda part: f".{part[1][:6]:0<6}+00:00", found[key]))


def strays(c: View) -> list[tuple[str, str]]:
    """Private keys found where they do not belong: (host, whose key)."""
    owners = {certificate(c, host).get("public", ""): host for host in c.p.first}
    return [(host, owners[key]) for host in c.world.hosts
            for key in PUBLIC.findall(c.run(host, ["sh", "-c", KEYS]).stdout)
            if key in owners and owners[key] != host]


@lab.check("t1", points=3, within=CONVERGE, poll=2)
def certificates(c: View) -> None:
    """Each member's certificate is signed by the cluster's root and has the role that the store has; its key is at
    home. And it was looked at."""
    root = ((_asked(c, "/swarm") or {}).get("TLSInfo") or {}).get("TrustRoot", "")
    for node in listed(c):
        host = name(node)
        found = certificate(c, host)
        wanted = (f"swarm-{node['Spec']['Role']}", node["ID"])
        c.require((found.get("OU"), found.get("CN")) == wanted, wanted[0], found.get("OU", "–"), host=host,
                  final=not found)
        signed = c.run(host, ["sh", "-c", f"cat <<'END' | {VERIFY}\n{root}\nEND"]).returncode == 0
        c.require(signed, wanted[0], "CA ?", host=host)
    c.require(not strays(c), "–", ", ".join(f"{owner} → {host}" for host, owner in strays(c)), host="*", final=True)
    c.require(c.answer("Q1") == Q1(c), "…", c.said["Q1"], host=c.p.here, final=True)


def status(c: View, host: str, *options: str) -> str:
    """What a call for members is answered over TLS: HTTP's number; "000" if there is no TLS."""
    return c.run(host, ["curl", "-sk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-d", "{}",
                        *options, f"https://{c.world.wire(MANAGER)}:{PORT}{MEMBERS_ONLY}"]).stdout


@lab.check("t2", points=3, ever=True, poll=1)
def stranger_refused(c: View) -> None:
    """The client knocked; without a certificate nobody gets further, with a node's one does: the control."""
    met = [one for one in c.connections(MANAGER)
           if one.port == PORT and one.source == c.world.wire("client")]
    c.require(bool(met), PORT, "–", final=True)
    own = ("--cert", f"{FOLDER}/swarm-node.crt", "--key", f"{FOLDER}/swarm-node.key")
    without, with_one = status(c, "client"), status(c, c.p.here, *own)
    c.require(without == "401" and with_one not in ("401", "000"), "401", f"{without}, {with_one}")


def pair(c: View) -> tuple[LiveTask, LiveTask] | None:
    """The asking task and the answering one, while both live on the network, on their two hosts."""
    asker, server = c.world.live(c.p.asker), c.world.live(c.p.service)
    fine = (len(asker) == len(server) == 1 and asker[0].host == c.p.there and server[0].host == c.p.here
            and all(c.p.network in task.addresses for task in (*asker, *server)))
    return (asker[0], server[0]) if fine else None


@lab.check("t0", within=CONVERGE)
def made(c: View) -> None:
    """On the way: two services on one network, on two hosts, one with the label. No points."""
    known = c.world.services.get(c.p.service)
    c.require(known is not None, c.p.word, "–", final=True)
    assert known is not None
    label = (known.spec.get("Labels") or {}).get("secret", "–")
    c.require(label == c.p.word, c.p.word, label, final=True)
    where = [f"{task.service}: {task.host}" for one in (c.p.service, c.p.asker) for task in c.world.live(one)]
    c.require(pair(c) is not None, c.p.word, ", ".join(where) or "–", final=len(where) == 2)


def overheard(c: View, tasks: tuple[LiveTask, LiveTask]) -> list[Heard]:
    """Packets on the cable of the answering task's host in which a fresh number of the grader's can be read."""
    nonce = uuid.uuid4().hex
    url = f"http://{tasks[1].addresses[c.p.network]}/{nonce}"
    place = {c.p.here: Place(c.p.here, interface=f"{c.p.here}-eth0")}
    return c.heard(place, nonce, lambda: c.run_in(tasks[0], ["curl", "-s", "-m", "5", url]))[c.p.here]


@lab.check("t3", needs=("t0",), points=2, within=CONVERGE)
def readable(c: View) -> None:
    tasks = pair(c)
    assert tasks is not None
    packets = overheard(c, tasks)
    c.require(bool(packets) and all(one.vni for one in packets), "VXLAN", len(packets))


@lab.check("t4", needs=("t0",), points=2, perturb=True)
def unreadable(c: View) -> None:
    """A service of the grader's with a fresh number goes from the manager to a worker: nobody can read it on the
    cable, and the worker's container has it, so it did pass: the control."""
    nonce, arrived = uuid.uuid4().hex, []
    spec = {"Name": f"grader-{nonce[:8]}", "Labels": {"secret": nonce}, "Mode": {"Replicated": {"Replicas": 1}},
            "TaskTemplate": {"ContainerSpec": {"Image": "nginx", "Env": [f"SECRET={nonce}"],
                                               "Labels": {"secret": nonce}},
                             "Placement": {"Constraints": [f"node.hostname=={c.p.here}"]}}}

    def has_it() -> bool:
        return any((one.get("Labels") or {}).get("secret") == nonce
                   for one in c.engine(c.p.here).get("/containers/json", all=1))

    def act() -> None:
        made = c.manager.post("/services/create", spec)
        try:
            arrived.append(until(has_it, CONVERGE * c.speed))
        finally:
            c.manager.delete(f"/services/{made['ID']}")

    places = {host: Place(host, interface=f"{host}-eth0") for host in (MANAGER, c.p.here)}
    seen = c.heard(places, nonce, act)
    c.require(arrived == [True], 0, "–", host=c.p.here)
    for host, packets in seen.items():
        c.require(not packets, 0, len(packets), host=host)


@lab.check("t5", needs=("t3",), points=1)
def port_read(c: View) -> None:
    c.require(c.answer("Q2") == Q2(c), "…", c.said["Q2"], final=True)


@lab.check("t6", points=2, ever=True, poll=1)
def rotated(c: View) -> None:
    """The workers' token is another one, and the newcomer did not slip in before: it is not there yet, or came after
    the swarm's last change."""
    known = changed(c)
    c.require(bool(known) and known[0], c.p.newcomer, "–", final=True)
    swarm = c.engine(MANAGER).get("/swarm")
    early = [node for node in listed(c) if name(node) == c.p.newcomer and moment(node) < moment(swarm, "UpdatedAt")]
    c.require(not early, c.p.newcomer, "!", final=True)


@lab.check("t7", needs=("t6",), points=2, within=CONVERGE)
def joined(c: View) -> None:
    """The newcomer is a worker of this cluster, by its own file; those of the beginning are still Ready."""
    nodes, cluster = listed(c), (_asked(c, "/swarm") or {}).get("ID")
    found = certificate(c, c.p.newcomer)
    c.require((found.get("O"), found.get("OU")) == (cluster, "swarm-worker"), len(c.p.first) + 1,
              f"{c.p.newcomer}: {found.get('OU', '–')}", final=not found)
    ready = sorted(name(node) for node in nodes if node["Status"]["State"] == "ready")
    c.require(ready == sorted([*c.p.first, c.p.newcomer]) and set(old_nodes(c)) == set(c.p.first),
              len(c.p.first) + 1, ", ".join(ready) or "–")


def seconds(found: dict[str, str]) -> float:
    """How long a certificate is good for, from when it was made."""
    ends = [datetime.strptime(found[key], "%b %d %H:%M:%S %Y %Z") for key in ("notBefore", "notAfter")]
    return (ends[1] - ends[0]).total_seconds() - BACKDATE


@lab.check("t8", points=2, within=CONVERGE, poll=1)
def renewed(c: View) -> None:
    """Every node of the beginning has a certificate of the short kind, and is the node that it was."""
    nodes, wanted = old_nodes(c), 3600 * c.p.hours
    resting = not ((_asked(c, "/swarm") or {}).get("RootRotationInProgress"))
    for host in c.p.first:
        found = certificate(c, host)
        c.require(bool(found) and host in nodes and found["CN"] == nodes[host]["ID"], c.p.hours, "–", host=host,
                  final=True)
        c.require(abs(seconds(found) - wanted) < 120, c.p.hours, f"{seconds(found) / 3600:g}", host=host,
                  final=resting)


@lab.check("t9", needs=("t3",), points=1)
def flows(c: View) -> None:
    c.require(c.answer("Q3") == Q3(c), "…", c.said["Q3"], final=True)


@lab.truth("P1")
def containers_encrypted(c: View) -> str | None:
    tasks = pair(c)
    return None if tasks is None else "no" if overheard(c, tasks) else "yes"


@lab.truth("P2")
def stays(c: View) -> str | None:
    """Known once the token is another one."""
    if not any(changed(c)[:1]):
        return None
    node = old_nodes(c).get(c.p.here)
    return "yes" if node and node["Status"]["State"] == "ready" else "no"


@lab.truth("Q1")
def Q1(c: View) -> str | None:  # noqa: N802  it is the question's name
    found = certificate(c, c.p.here).get("OU")
    return found.upper() if found else None


@lab.truth("Q2")
def Q2(c: View) -> str | None:  # noqa: N802
    """The outer UDP port of what can be read."""
    tasks = pair(c)
    ports = [header.get("dport") for one in (overheard(c, tasks) if tasks else []) for header in one.headers
             if header["kind"] == "udp"]
    return str(ports[0]) if ports else None


@lab.truth("Q3")
def Q3(c: View) -> str | None:  # noqa: N802
    """M: between managers and workers (port 2377 speaks TLS), C: between containers."""
    tasks = pair(c)
    if tasks is None:
        return None
    kinds = {"M": status(c, "client") != "000", "C": not overheard(c, tasks)}
    return " ".join(sorted(letter for letter, encrypted in kinds.items() if encrypted)) or None


@lab.truth("old")
def _old(c: View) -> str | None:
    """What a student copies from one terminal to the other; for the scripts."""
    return next(iter(first_tokens(c)), None)


@lab.truth("new")
def _new(c: View) -> str | None:
    return next(iter(tokens(c)), None)


@lab.truth("key")
def _key(c: View) -> str | None:
    return c.run(c.p.here, ["base64", "-w0", f"{FOLDER}/swarm-node.key"]).stdout or None


@lab.mistake("reinitialised", "t1", "t6", "t8")
def _reinitialised(c: View) -> dict[str, Any] | None:
    return {} if given(c) is None else None


@lab.mistake("copied_private_key", "t1")
def _copied(c: View) -> dict[str, Any] | None:
    found = strays(c)
    return {"host": found[0][0], "owner": found[0][1]} if found else None


@lab.mistake("deleted_certificates", "t1", "t8")
def _deleted(c: View) -> dict[str, Any] | None:
    gone = [host for host in old_nodes(c) if not certificate(c, host)]
    return {"host": ", ".join(gone)} if gone else None


@lab.mistake("wrong_role_read", "t1")
def _wrong_role(c: View) -> dict[str, Any] | None:
    return {} if c.said.get("Q1") in ("SWARM-MANAGER", "SWARM-CA") else None


@lab.mistake("same_host", "t0")
def _same_host(c: View) -> dict[str, Any] | None:
    hosts = [{task.host for task in c.world.live(one)} for one in (c.p.service, c.p.asker)]
    both = hosts[0] & hosts[1]
    return {"host": both.pop()} if both else None


@lab.mistake("other_network", "t0")
def _other_network(c: View) -> dict[str, Any] | None:
    apart = [task.service for one in (c.p.service, c.p.asker) for task in c.world.live(one)
             if c.p.network not in task.addresses]
    return {"which": apart[0]} if apart else None


@lab.mistake("no_label", "t0")
def _no_label(c: View) -> dict[str, Any] | None:
    known = c.world.services.get(c.p.service)
    return {} if known and (known.spec.get("Labels") or {}).get("secret") != c.p.word else None


@lab.mistake("captured_wrong_port", "t5")
def _wrong_port(c: View) -> dict[str, Any] | None:
    return {"port": c.said["Q2"]} if c.said.get("Q2") in ("80", str(PORT), "7946") else None


@lab.mistake("says_all_encrypted", "t9")
def _all_encrypted(c: View) -> dict[str, Any] | None:
    return {} if "C" in c.said.get("Q3", "").split() else None


@lab.mistake("joined_before_rotation", "t6")
def _joined_before(c: View) -> dict[str, Any] | None:
    return {} if c.p.newcomer in {name(node) for node in listed(c)} else None


@lab.mistake("rotated_manager_token", "t6")
def _rotated_manager(c: View) -> dict[str, Any] | None:
    return {} if changed(c) == [False, True] else None


@lab.mistake("old_token_used", "t7")
def _old_token(c: View) -> dict[str, Any] | None:
    return {} if not certificate(c, c.p.newcomer) else None


@lab.mistake("rejoined_instead", "t8")
def _rejoined(c: View) -> dict[str, Any] | None:
    note = given(c)
    young = [name(node) for node in listed(c) if note and name(node) in c.p.first and moment(node) > moment(note)]
    return {"host": young[0]} if young else None


@lab.mistake("expiry_only", "t8")
def _expiry_only(c: View) -> dict[str, Any] | None:
    expiry = ((_asked(c, "/swarm") or {}).get("Spec") or {}).get("CAConfig", {}).get("NodeCertExpiry")
    return {} if expiry == 3600 * c.p.hours * 10**9 else None
