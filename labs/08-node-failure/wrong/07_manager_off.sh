# expect: manager_off
# The only manager: nobody is left to repair anything.
@outside
lab host manager1 poweroff
