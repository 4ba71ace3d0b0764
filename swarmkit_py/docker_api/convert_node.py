"""Owns nodes in Docker's JSON, both ways. Counterpart: moby/daemon/cluster/convert/node.go."""

from __future__ import annotations

from swarmkit_py.docker_api.call import convert_body
from swarmkit_py.docker_api.convert import Json, meta, plain
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Node
from swarmkit_py.model.specs import NodeSpec
from swarmkit_py.model.states import Availability, Role


def node_spec(body: Json) -> NodeSpec:
    """The spec a client sent. Role and availability must be said. Raises InvalidArgument with Docker's texts."""
    for key, known in (("Role", Role), ("Availability", Availability)):
        given = str(body.get(key, "")).lower()
        if given not in {item.value for item in known}:
            raise InvalidArgument(f'invalid {key}: "{body.get(key, "")}"')
        body = {**body, key: given}
    return convert_body(body, NodeSpec)


def node_json(node: Node) -> Json:
    """A node as `GET /nodes/{id}` shows it."""
    answer = meta(node)
    answer["Spec"] = plain(node.spec)
    answer["Description"] = _description_json(node)
    answer["Status"] = {"State": node.status.state.value}
    if node.status.message:
        answer["Status"]["Message"] = node.status.message
    answer["Status"]["Addr"] = node.status.addr
    if node.manager_status is not None:
        status = node.manager_status
        leader: Json = {"Leader": True} if status.leader else {}
        answer["ManagerStatus"] = {**leader, "Reachability": status.reachability, "Addr": status.addr}
    return answer


def _description_json(node: Node) -> Json:
    empty: Json = {"Platform": {}, "Resources": {}, "Engine": {}, "TLSInfo": {}}
    if node.description is None:
        return empty
    known: Json = plain(node.description)
    return {"Hostname": known.pop("Hostname", ""), **empty, **known}
