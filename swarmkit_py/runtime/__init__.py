"""Containers on this machine: the engine that makes them, and the images they start from."""
