"""Owns `swarmd`'s command line. Counterpart: cmd/dockerd."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from swarmkit_py import __version__
from swarmkit_py.errors import SwarmError
from swarmkit_py.node import NodeOptions, run
from swarmkit_py.node.dump import dump_store
from swarmkit_py.node.options import DOCKER_HOST, RAFT_PORT, RUNTIMES, SWARM_PORT


def parser() -> argparse.ArgumentParser:
    """The flags of `swarmd`."""
    found = argparse.ArgumentParser(
        prog="swarmd", description="A Docker Swarm node: serves the Docker Engine API on a unix socket.",
    )
    found.add_argument("--version", action="version", version=f"swarmd {__version__}")
    found.add_argument("-H", "--host", default="/run/swarmd/docker.sock", metavar="PATH",
                       help="unix socket of the Docker Engine API (default: %(default)s)")
    found.add_argument("--data-root", type=Path, default=Path("/var/lib/swarmd"), metavar="DIR",
                       help="what must survive a restart (default: %(default)s)")
    found.add_argument("--exec-root", type=Path, default=Path("/run/swarmd"), metavar="DIR",
                       help="sockets and state of running containers (default: %(default)s)")
    found.add_argument("--images", type=Path, metavar="DIR", help="image store (default: DATA_ROOT/images)")
    found.add_argument("--runtime", choices=RUNTIMES, default="runc",
                       help="what runs containers (default: %(default)s)")
    found.add_argument("--docker-host", default=DOCKER_HOST, metavar="URL",
                       help="the Docker Engine, for --runtime docker (default: %(default)s)")
    found.add_argument("--listen-port", type=int, default=SWARM_PORT, metavar="PORT",
                       help="port of a manager (default: %(default)s)")
    found.add_argument("--etcd", default="etcd", metavar="PROGRAM",
                       help="the etcd that a swarm of several managers needs (default: %(default)s, from PATH)")
    found.add_argument("--raft-port", type=int, default=RAFT_PORT, metavar="PORT",
                       help="port of a manager's etcd member (default: %(default)s)")
    found.add_argument("--hostname", help="this node's name in the swarm (default: the machine's)")
    found.add_argument("--node-generic-resource", action="append", default=[], metavar="KIND=VALUE",
                       help="offer this to services: gpu=2, or gpu=UUID1 and gpu=UUID2 (may be repeated)")
    found.add_argument("--node-memory", type=int, default=0, metavar="BYTES",
                       help="offer this much memory to reservations (default: all there is)")
    found.add_argument("--cgroup-parent", default="", metavar="PATH",
                       help="where containers' cgroups go, below the top of each hierarchy (default: no limits)")
    found.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    found.add_argument("--dump-store", action="store_true",
                       help="print what the manager under DATA_ROOT has stored, one object a line, and end")
    return found


def options_from(args: argparse.Namespace) -> NodeOptions:
    more = {"hostname": args.hostname} if args.hostname else {}
    return NodeOptions(
        data_root=args.data_root, exec_root=args.exec_root, api_socket=Path(args.host.removeprefix("unix://")),
        images=args.images or args.data_root / "images", runtime=args.runtime, listen_port=args.listen_port,
        log_level=args.log_level, docker_host=args.docker_host, cgroup_parent=args.cgroup_parent, etcd=args.etcd,
        raft_port=args.raft_port, generic_resources=tuple(args.node_generic_resource), memory=args.node_memory,
        **more,
    )


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0 after a signal, 1 if the node could not start, 2 for wrong usage."""
    args = parser().parse_args(argv)
    return _dump(args.data_root, args.etcd) if args.dump_store else run(options_from(args))


def _dump(data_root: Path, etcd: str) -> int:
    try:
        for line in dump_store(data_root, etcd):
            print(line)
    except SwarmError as error:
        print(f"swarmd: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
