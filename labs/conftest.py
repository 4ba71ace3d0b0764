"""`pytest labs/03-scaling --submission PATH` grades hand-ins: see labs/kit/grading/pytest_plugin.py."""

from __future__ import annotations

from labs.kit.grading.pytest_plugin import pytest_addoption, pytest_collect_file, pytest_terminal_summary

__all__ = ["pytest_addoption", "pytest_collect_file", "pytest_terminal_summary"]
