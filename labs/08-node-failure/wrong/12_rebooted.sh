# expect: rebooted
# A reboot is over before anybody noticed.
@outside
lab host {dead} reboot
