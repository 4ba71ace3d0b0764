head -c 8G /dev/zero | tail
