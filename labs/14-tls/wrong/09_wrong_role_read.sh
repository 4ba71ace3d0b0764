# expect: wrong_role_read
# Read on the manager.
@predict Q1 swarm-manager
