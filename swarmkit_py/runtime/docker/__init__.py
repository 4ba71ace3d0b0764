"""Containers on a Docker Engine that is already there (`swarmd --runtime docker`), wired into our own networks."""

from swarmkit_py.runtime.docker.engine import DockerEngine as DockerEngine
from swarmkit_py.runtime.docker.images import DockerImages as DockerImages
