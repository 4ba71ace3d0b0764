mkdir -p /tmp/own; mount -t tmpfs -o size=90% tmpfs /tmp/own; dd if=/dev/zero of=/tmp/own/filler bs=1M; dd if=/dev/zero of=/srv/filler bs=1M
