"""A node's side of the swarm: what it is told becomes containers and networks, what it sees is reported."""
