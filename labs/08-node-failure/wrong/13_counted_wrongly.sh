# expect: counted_wrongly
# A guess.
@outside
lab cut {silent}
@step cut
@predict Q1 40
@outside
lab heal {silent}
