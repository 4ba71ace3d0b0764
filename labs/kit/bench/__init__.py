"""Measurements of the kit on this machine, through public interfaces only: the Docker API, and the hosts' shells."""
