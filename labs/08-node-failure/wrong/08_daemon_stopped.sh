# expect: daemon_stopped
# The daemon is stopped; the host and its containers go on.
@outside
lab daemon stop {dead}
