# expect: half_is_enough
# Half is not more than half.
@predict Q1 0 1 1 2 2 3 3
