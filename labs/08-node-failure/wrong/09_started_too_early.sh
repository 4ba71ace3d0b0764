# expect: started_too_early
# Back before anybody noticed.
@outside
lab host {dead} poweroff
lab host {dead} start
