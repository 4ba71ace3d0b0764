"""The pictures of docs/concepts, drawn from real runs: `python -m labs.kit.pictures [NAME…]` draws them anew.

    stage       a cluster for each picture, and the docker commands typed on it
    watching    what the tasks of a swarm went through, as its API tells while they do
    timelines, overlays   the drawings, pure
"""
