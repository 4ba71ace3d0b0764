# expect: counted_in_ps
# The manager's list says 0; the machine was not asked.
@outside
lab cut {silent}
@step cut
@predict Q1 0
@outside
lab heal {silent}
