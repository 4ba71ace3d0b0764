"""Owns how a story's words become the specs that a user would send. Pure. Counterpart: docker/cli's flags."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from swarmkit_py.model.mounts import FileTarget, SecretReference
from swarmkit_py.model.objects import Network, Secret
from swarmkit_py.model.specs import (
    SECOND,
    ContainerSpec,
    EndpointSpec,
    NetworkAttachmentConfig,
    Placement,
    PortConfig,
    ReplicatedJob,
    ReplicatedService,
    ResourceRequirements,
    Resources,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)

JOB_SECONDS_IMAGE = "job:1"


def service_spec(args: dict[str, Any], networks: list[Network], secrets: list[Secret]) -> ServiceSpec:
    """`docker service create`. A network or secret that is not there is left out; a job has no ports, does its work
    once, and is not updated slot by slot."""
    if args["mode"].endswith("job"):
        condition = "none" if args["condition"] == "none" else "on-failure"
        args = args | {"image": JOB_SECONDS_IMAGE, "port": 0, "condition": condition}
    return ServiceSpec(
        name=args["name"], task_template=_template(args, networks, secrets), mode=_mode(args),
        endpoint_spec=EndpointSpec(mode="vip", ports=_ports(args)),
        update_config=None if args["mode"].endswith("job") else _update(args),
    )


def filler(replicas: int) -> ServiceSpec:
    """A service that takes an address for each of its tasks, and for itself."""
    return ServiceSpec(
        name="filler", mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)),
        task_template=TaskSpec(container_spec=ContainerSpec(image="good:1", stop_grace_period=SECOND)),
        endpoint_spec=EndpointSpec(mode="vip", ports=[PortConfig(protocol="tcp", target_port=80)]),
    )


def _template(args: dict[str, Any], networks: list[Network], secrets: list[Secret]) -> TaskSpec:
    reserved = Resources(nano_cpus=int(args["cpus"] * 1e9) or None)
    attached = [NetworkAttachmentConfig(target=n.id) for n in networks if n.spec.name == args["network"]]
    return TaskSpec(
        container_spec=ContainerSpec(
            image=args["image"], stop_grace_period=args["grace"] * SECOND,
            secrets=[_reference(secret) for secret in secrets if secret.spec.name == args["secret"]] or None),
        resources=ResourceRequirements(reservations=reserved),
        placement=Placement(
            constraints=[f"node.labels.rack=={args['rack']}"] if args["rack"] else None,
            max_replicas=args["max_replicas"] or None if args["mode"] == "replicated" else None),
        restart_policy=RestartPolicy(
            condition=args["condition"], delay=args["delay"] * SECOND, max_attempts=args["max_attempts"],
            window=args["window"] * SECOND),
        networks=attached or None,
    )


def _reference(secret: Secret) -> SecretReference:
    target = FileTarget(name=secret.spec.name, uid="0", gid="0", mode=0o400)
    return SecretReference(file=target, secret_id=secret.id, secret_name=secret.spec.name)


def _mode(args: dict[str, Any]) -> ServiceMode:
    if args["mode"] == "global":
        return ServiceMode(global_={})
    if args["mode"] == "global-job":
        return ServiceMode(global_job={})
    if args["mode"] == "replicated-job":
        most = args["parallelism"] or None
        return ServiceMode(replicated_job=ReplicatedJob(max_concurrent=most, total_completions=args["replicas"] or 1))
    return ServiceMode(replicated=ReplicatedService(replicas=args["replicas"]))


def _ports(args: dict[str, Any]) -> list[PortConfig] | None:
    if not args["port"]:
        return None
    published = args["port"] if args["port"] > 0 else None
    return [PortConfig(protocol="tcp", target_port=80, published_port=published, publish_mode=args["port_mode"])]


def _update(args: dict[str, Any]) -> UpdateConfig:
    return UpdateConfig(parallelism=args["parallelism"], failure_action=args["on_failure"], monitor=3 * SECOND,
                        max_failure_ratio=0.0, order=args["order"], delay=0)


def updated(spec: ServiceSpec, args: dict[str, Any]) -> ServiceSpec:
    """`docker service update`."""
    template = spec.task_template
    container = template.container_spec or ContainerSpec()
    job = spec.mode.replicated_job is not None or spec.mode.global_job is not None
    image = container.image if job else args["image"] or container.image
    container = replace(container, image=image,
                        env=[args["env"]] if args["env"] else container.env)
    return replace(spec, task_template=replace(
        template, container_spec=container, force_update=template.force_update + bool(args["force"])))


def scaled(spec: ServiceSpec, replicas: int) -> ServiceSpec:
    """`docker service scale`; a global service stays as it is."""
    if spec.mode.replicated is None:
        return spec
    return replace(spec, mode=replace(spec.mode, replicated=ReplicatedService(replicas=replicas)))
