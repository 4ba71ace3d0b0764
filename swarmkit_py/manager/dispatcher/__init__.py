"""The manager's end of every node: sessions, heartbeats, assignments down, observed states up, logs."""
