"""The daemon: puts engine, network, agent and manager together and keeps a node's membership over restarts."""

from __future__ import annotations

from swarmkit_py.node.node import Node
from swarmkit_py.node.options import NodeOptions
from swarmkit_py.node.run import run
from swarmkit_py.node.warm import warm_up

__all__ = ["Node", "NodeOptions", "run", "warm_up"]
