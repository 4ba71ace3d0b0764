"""Labs played through a real tmux as a student plays them; every key screen is kept in `golden/` and compared.

`python -m tests.labs.screens.record` plays all of them and writes the screens anew: look at the difference before you
commit it.
"""
