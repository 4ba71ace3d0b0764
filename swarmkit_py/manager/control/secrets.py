"""Owns the transactions behind `docker secret` and `docker config` create, update and rm. Data never changes.

Secrets and configs follow the same rules and differ in their greatest size. Must not know who may see the data.
Counterpart: swarmkit/manager/controlapi/{secret,config}.go, api/validation/secrets.go.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from swarmkit_py.errors import AlreadyExists, InvalidArgument, Unimplemented
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import lookup
from swarmkit_py.model.objects import Config, Secret, Service
from swarmkit_py.model.specs import ConfigSpec, SecretSpec
from swarmkit_py.store.memory import Transaction

MAX_SECRET = 500 * 1024
MAX_CONFIG = 1000 * 1024
"""Bytes; the data must be smaller."""
TEMPLATE_DRIVER = "golang"

_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?")

D = TypeVar("D", Secret, Config)


def create_secret(tx: Transaction, ids: Ids, spec: SecretSpec) -> Secret:
    """Raises InvalidArgument, AlreadyExists, Unimplemented (a secret driver)."""
    if spec.driver is not None:
        raise Unimplemented("secret drivers (--driver) are not there in this swarm: leave the driver out")
    _check(spec, "secret", MAX_SECRET)
    _refuse_taken("secret", tx.all(Secret), spec.name)
    return tx.create(Secret(id=ids.object_id(), spec=spec))


def create_config(tx: Transaction, ids: Ids, spec: ConfigSpec) -> Config:
    """Raises InvalidArgument, AlreadyExists."""
    _check(spec, "config", MAX_CONFIG)
    _refuse_taken("config", tx.all(Config), spec.name)
    return tx.create(Config(id=ids.object_id(), spec=spec))


def update_secret(tx: Transaction, ref: str, version: int, spec: SecretSpec) -> Secret:
    """Labels only. Raises NotFound, InvalidArgument, OutOfSequence."""
    return _update(tx, lookup.secret(tx.all(Secret), ref), version, spec)


def update_config(tx: Transaction, ref: str, version: int, spec: ConfigSpec) -> Config:
    """Labels only. Raises NotFound, InvalidArgument, OutOfSequence."""
    return _update(tx, lookup.config(tx.all(Config), ref), version, spec)


def remove_secret(tx: Transaction, ref: str) -> None:
    """Raises NotFound, InvalidArgument naming the services that use it."""
    secret = lookup.secret(tx.all(Secret), ref)
    _refuse_in_use(tx, "secret", secret)
    tx.delete(Secret, secret.id)


def remove_config(tx: Transaction, ref: str) -> None:
    """Raises NotFound, InvalidArgument naming the services that use it."""
    config = lookup.config(tx.all(Config), ref)
    _refuse_in_use(tx, "config", config)
    tx.delete(Config, config.id)


def _check(spec: SecretSpec | ConfigSpec, noun: str, limit: int) -> None:
    if not spec.name:
        raise InvalidArgument("name must be provided", rpc=True)
    if len(spec.name) > 64 or not _NAME.fullmatch(spec.name):
        raise InvalidArgument("invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end "
                              "character must be [a-zA-Z0-9]", rpc=True)
    if not 0 < len(spec.data) < limit:
        raise InvalidArgument(f"{noun} data must be larger than 0 and less than {limit} bytes", rpc=True)
    driver = (spec.templating or {}).get("Name", "")
    if driver not in ("", TEMPLATE_DRIVER):
        raise InvalidArgument(f"unsupported template driver {driver!r}: the only one is {TEMPLATE_DRIVER}")


def _refuse_taken(noun: str, rows: Sequence[Secret | Config], name: str) -> None:
    if any(row.spec.name.lower() == name.lower() for row in rows):
        raise AlreadyExists(f"{noun} {name} already exists", rpc=True)


def _update(tx: Transaction, old: D, version: int, spec: SecretSpec | ConfigSpec) -> D:
    """A client that sends the data again (`docker stack deploy`) may, if it is the same."""
    same_data = not spec.data or hmac.compare_digest(spec.data, old.spec.data)
    same_driver = getattr(spec, "driver", None) == getattr(old.spec, "driver", None)
    if spec.name != old.spec.name or not same_data or not same_driver:
        raise InvalidArgument("only updates to Labels are allowed", rpc=True)
    return tx.update(replace(old, spec=replace(old.spec, labels=spec.labels)), expect=version)


def _refuse_in_use(tx: Transaction, noun: str, found: Secret | Config) -> None:
    users = [service.spec.name for service in tx.all(Service) if _uses(service, noun, found.id)]
    if users:
        raise InvalidArgument(
            f"{noun} '{found.spec.name}' is in use by the following service{'s' if len(users) > 1 else ''}: "
            + ", ".join(users), rpc=True)


def _uses(service: Service, noun: str, object_id: str) -> bool:
    container = service.spec.task_template.container_spec
    if container is None:
        return False
    if noun == "secret":
        return any(reference.secret_id == object_id for reference in container.secrets or ())
    return any(reference.config_id == object_id for reference in container.configs or ())
