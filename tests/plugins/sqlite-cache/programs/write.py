"""
Set entries whose keys start with a name, and read them at the end: PATH NAME COUNT.

It prints "ready" and starts at a line of input, so that several processes start together.
"""

from __future__ import annotations

import sys

from program_cache import open_cache, print_line

path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
print_line("ready")
sys.stdin.readline()

cache = open_cache(path)
for number in range(count):
    cache.set(f"{name} {number}", f"{name} {number}".encode() * 50)
    cache.set("common", name.encode() * 1000)
missing = [number for number in range(count) if cache.get(f"{name} {number}") != f"{name} {number}".encode() * 50]
cache.close()
sys.exit(f"{name} misses {missing}" if missing else 0)
