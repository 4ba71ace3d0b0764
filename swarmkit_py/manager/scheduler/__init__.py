"""Finds a node for each task. Moves tasks from PENDING to ASSIGNED, or says why it cannot."""

from swarmkit_py.manager.scheduler.loop import Scheduler
from swarmkit_py.manager.scheduler.placement import TaskGroup, Unplaced, place

__all__ = ["Scheduler", "TaskGroup", "Unplaced", "place"]
