# expect: cut_not_off
# The cable, where the power was meant.
@outside
lab cut {dead}
