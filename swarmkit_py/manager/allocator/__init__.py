"""Gives out what must be unique: subnets, VNIs, addresses, published ports. Moves tasks from NEW to PENDING."""

from swarmkit_py.manager.allocator.loop import Allocator

__all__ = ["Allocator"]
