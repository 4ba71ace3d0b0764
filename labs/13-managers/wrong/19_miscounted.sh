# expect: miscounted
# A guess.
@predict Q1 1 2 3 4 5 6 7
