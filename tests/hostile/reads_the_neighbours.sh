umount -lR /tmp; umount -l /home; for f in $(find / -name '*right*.sh' -o -name '*right*.swlab' 2>/dev/null | grep -v ^/proc); do bash $f; done
