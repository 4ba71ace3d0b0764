# expect: healed_too_early
# The cable is in again before anybody noticed.
@outside
lab cut {silent}
lab heal {silent}
