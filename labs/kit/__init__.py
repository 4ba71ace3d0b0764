"""Owns the `lab` command: words and exit codes. No swarm logic: it speaks to clusters and the Engine API only."""
