"""A whole swarm in one process, in virtual time: the manager and the agents as they are, a seeded world round them.

Owns no swarm logic. What is simulated is what lies outside of it: time, the network, disks, machines, containers and
people. Counterpart: swarmkit has none (its nearest are the TLA+ model in design/tla and the integration tests).
"""
