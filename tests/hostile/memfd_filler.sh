python3 -c 'import os; f = os.memfd_create("x"); [os.write(f, bytes(1 << 20)) for _ in range(8 << 10)]; input()'
