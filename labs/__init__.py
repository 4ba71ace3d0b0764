"""Owns the labs: one folder each, and `labs.kit`, the `lab` command that runs and judges them."""
