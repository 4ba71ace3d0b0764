# expect: forgot_heal
# Counted well, and the cable still hangs.
@outside
lab cut {silent}
@step cut
@predict Q1 {truth_Q1}
@step count
