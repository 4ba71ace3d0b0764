"""The cluster's certificates: who a node is, and how it came to be one."""
