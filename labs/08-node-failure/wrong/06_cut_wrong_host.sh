# expect: cut_wrong_host
# Another cable.
@outside
lab cut {other}
lab heal {other}
