"""Docker's HTTP API on a unix socket: the only place with Docker's routes, and the only interface of a node."""
