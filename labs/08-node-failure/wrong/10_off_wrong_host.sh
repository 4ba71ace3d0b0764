# expect: off_wrong_host
# Another host.
@outside
lab host {other} poweroff
