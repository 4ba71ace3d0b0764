mount -o remount,rw /; mknod /tmp/sda b 8 0 && dd if=/tmp/sda of=/tmp/x count=1; mount -t proc p /proc
