"""Desired state, downwards: services become tasks, and stay as many as was asked. Decisions are pure functions
(`replicated`, `global_mode`, `restart`, …); `services`, `supervisor`, `reaper` and `enforcer` are the loops."""
