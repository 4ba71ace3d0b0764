python3 -c 'import mmap; m = mmap.mmap(-1, 8 << 30); [m.write(bytes(1 << 20)) for _ in range(8 << 10)]; input()'
