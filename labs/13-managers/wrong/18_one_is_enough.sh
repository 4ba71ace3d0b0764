# expect: one_is_enough
# As if one were enough to decide.
@predict Q1 0 1 2 3 4 5 6
