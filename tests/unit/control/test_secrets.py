"""`docker secret` and `docker config`: rules, texts, and who is in the way of a removal."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.errors import AlreadyExists, InvalidArgument, NotFound, OutOfSequence, SwarmError, Unimplemented
from swarmkit_py.model.mounts import ConfigReference, FileTarget, Mount, SecretReference
from swarmkit_py.model.specs import ConfigSpec, ContainerSpec, SecretSpec, ServiceSpec
from tests.builders import spec
from tests.unit.control.rig import Rig

FILE = FileTarget(name="password", mode=0o444)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def with_container(name: str = "web", **fields: Any) -> ServiceSpec:
    made = spec(name)
    return replace(made, task_template=replace(
        made.task_template, container_spec=ContainerSpec(image="nginx:latest", **fields)))


def refused(rig: Rig, **fields: Any) -> str:
    before = rig.store.index
    with pytest.raises(SwarmError) as caught:
        rig.control.create_service(with_container(**fields))
    assert rig.store.index == before
    return caught.value.wire_text()


@pytest.mark.parametrize(("name", "size", "said"), [
    ("", 1, "name must be provided"),
    ("a" * 65, 1, "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed"),
    ("-a", 1, "the start and end character must be [a-zA-Z0-9]"),
    ("a b", 1, "invalid name"),
    ("a\n", 1, "invalid name"),
    ("s1", 0, "secret data must be larger than 0 and less than 512000 bytes"),
    ("s1", 512000, "secret data must be larger than 0 and less than 512000 bytes"),
])
def test_what_a_secret_may_not_be(rig: Rig, name: str, size: int, said: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        rig.control.create_secret(SecretSpec(name=name, data=b"x" * size))
    assert said in caught.value.wire_text() and caught.value.wire_text().startswith("rpc error: code = InvalidArg")
    assert rig.control.list_secrets() == []


def test_the_greatest_sizes(rig: Rig) -> None:
    rig.control.create_secret(SecretSpec(name="a" * 64, data=b"x" * 511999))
    rig.control.create_config(ConfigSpec(name="c", data=b"x" * 1023999))
    with pytest.raises(InvalidArgument, match="config data must be larger than 0 and less than 1024000 bytes"):
        rig.control.create_config(ConfigSpec(name="d", data=b"x" * 1024000))


def test_names_are_taken_whatever_their_case(rig: Rig) -> None:
    rig.control.create_secret(SecretSpec(name="s1", data=b"x"))
    rig.control.create_config(ConfigSpec(name="s1", data=b"x"))
    with pytest.raises(AlreadyExists) as caught:
        rig.control.create_secret(SecretSpec(name="S1", data=b"y"))
    assert caught.value.wire_text() == "rpc error: code = AlreadyExists desc = secret S1 already exists"
    with pytest.raises(AlreadyExists, match="config s1 already exists"):
        rig.control.create_config(ConfigSpec(name="s1", data=b"y"))


def test_drivers_are_refused(rig: Rig) -> None:
    with pytest.raises(Unimplemented, match="secret drivers"):
        rig.control.create_secret(SecretSpec(name="s1", driver={"Name": "vault"}))
    with pytest.raises(InvalidArgument, match="unsupported template driver 'jinja'"):
        rig.control.create_config(ConfigSpec(name="c", data=b"x", templating={"Name": "jinja"}))


def test_only_labels_change(rig: Rig) -> None:
    made = rig.control.create_secret(SecretSpec(name="s1", data=b"abc"))
    rig.control.update_secret("s1", made.index, SecretSpec(name="s1", data=b"abc", labels={"a": "1"}))
    labelled = rig.control.get_secret(made.id[:5])
    assert labelled.spec == SecretSpec(name="s1", data=b"abc", labels={"a": "1"})
    with pytest.raises(OutOfSequence):
        rig.control.update_secret("s1", made.index, SecretSpec(name="s1"))
    for other in (SecretSpec(name="s1", data=b"abd"), SecretSpec(name="s2")):
        with pytest.raises(InvalidArgument) as caught:
            rig.control.update_secret("s1", labelled.index, other)
        assert caught.value.wire_text().endswith("only updates to Labels are allowed")
    config = rig.control.create_config(ConfigSpec(name="c1", data=b"abc"))
    rig.control.update_config("c1", config.index, ConfigSpec(name="c1", labels={"b": "2"}))
    assert rig.control.get_config("c1").spec == ConfigSpec(name="c1", data=b"abc", labels={"b": "2"})


def test_what_is_in_use_stays(rig: Rig) -> None:
    secret = rig.control.create_secret(SecretSpec(name="s1", data=b"x"))
    config = rig.control.create_config(ConfigSpec(name="c1", data=b"x"))
    secrets = [SecretReference(file=FILE, secret_id=secret.id, secret_name="s1")]
    configs = [ConfigReference(file=FILE, config_id=config.id, config_name="c1")]
    rig.control.create_service(with_container("web", secrets=secrets))
    with pytest.raises(InvalidArgument) as caught:
        rig.control.remove_secret("s1")
    assert caught.value.wire_text() == ("rpc error: code = InvalidArgument desc = secret 's1' is in use by the "
                                        "following service: web")
    rig.control.create_service(with_container("api", secrets=secrets, configs=configs))
    with pytest.raises(InvalidArgument, match="secret 's1' is in use by the following services: web, api"):
        rig.control.remove_secret("s1")
    with pytest.raises(InvalidArgument, match="config 'c1' is in use by the following service: api"):
        rig.control.remove_config("c1")
    for name in ("web", "api"):
        rig.control.remove_service(name)
    rig.control.remove_secret("s1")
    rig.control.remove_config(config.id)
    with pytest.raises(NotFound, match="secret s1 not found"):
        rig.control.get_secret("s1")


def test_references_must_be_whole(rig: Rig) -> None:
    secret = rig.control.create_secret(SecretSpec(name="s1", data=b"x"))
    good = SecretReference(file=FILE, secret_id=secret.id, secret_name="s1")
    assert "malformed secret reference" in refused(rig, secrets=[replace(good, secret_id="")])
    assert "malformed secret reference, no target provided" in refused(rig, secrets=[replace(good, file=None)])
    assert "invalid target file name provided" in refused(rig, secrets=[replace(good, file=FileTarget())])
    assert "secret references 's1' and 's1' have a conflicting target: 'password'" in refused(
        rig, secrets=[good, good])
    unknown = replace(good, secret_id="nope")
    assert refused(rig, secrets=[unknown]).endswith("secret not found: s1")
    assert refused(rig, secrets=[unknown, replace(good, secret_name="s2", file=FileTarget(name="b"))]).endswith(
        "secrets not found: s1, s2")
    config = ConfigReference(file=FILE, config_id="nope", config_name="c1")
    assert refused(rig, configs=[config]).endswith("config not found: c1")
    assert "not there in this swarm" in refused(rig, configs=[replace(config, file=None, runtime={})])


def test_mounts_and_templates_are_looked_at(rig: Rig) -> None:
    mount = Mount(type="volume", source="v", target="/data")
    assert refused(rig, mounts=[mount, mount]).endswith("ContainerSpec: duplicate mount point: /data")
    assert refused(rig, mounts=[Mount(type="disk", target="/x")]) == 'invalid MountType: "disk"'
    assert "cluster volumes need a CSI plugin" in refused(rig, mounts=[Mount(type="cluster", target="/x")])
    assert "named pipes are for Windows" in refused(rig, mounts=[Mount(type="npipe", target="/x")])
    twice = [mount, Mount(type="tmpfs", target="/{{index .Service.Labels `none`}}data")]
    assert refused(rig, mounts=twice).endswith("duplicate mount point: /data")
    assert "expanding env '{{.Nope}}' failed: template: at <.Nope>: can't evaluate field Nope" in refused(
        rig, env=["A={{.Nope}}"])
    assert "expanding hostname '{{.Node' failed: template: unclosed action" in refused(rig, hostname="{{.Node")
    made = rig.control.create_service(with_container(
        hostname="{{.Node.Hostname}}-{{.Task.Slot}}", env=["A={{.Task.Name}}"], mounts=[mount]))
    container = made.spec.task_template.container_spec
    assert container is not None and container.hostname == "{{.Node.Hostname}}-{{.Task.Slot}}"


def test_the_data_is_not_in_any_representation() -> None:
    made = SecretSpec(name="s1", data=b"hunter2")
    assert "hunter2" not in repr(made) and "hunter2" not in f"{[made]}"
