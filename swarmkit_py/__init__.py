"""A Docker Swarm in readable Python: one `swarmd` per machine, driven by the real docker command."""

__version__ = "0.1.0"
