"""Owns hosts and links: Mininet topologies, one file each, and the sandbox of namespaces they live in.

May import swarmkit_py's lowest layers (errors); knows nothing of services or tasks, and nothing of labs.
`topologies.clusters` is the door for everybody outside: start, find, running. No counterpart in SwarmKit: a real
swarm has machines and cables instead.
"""
