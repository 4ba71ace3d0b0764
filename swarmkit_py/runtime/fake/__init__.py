"""A ContainerEngine without processes: containers that only take time, for tests and for the simulation."""

from swarmkit_py.runtime.fake.engine import FakeEngine
from swarmkit_py.runtime.fake.life import FakeAttached, Outcome

__all__ = ["FakeAttached", "FakeEngine", "Outcome"]
