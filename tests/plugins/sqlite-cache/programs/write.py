"""
Set entries whose keys begin with a name, all read back at the end: PATH NAME COUNT.

It says "ready" and begins when it is told to, so that several begin together.
"""

from __future__ import annotations

import sys

from opening import open_cache, say

path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
say("ready")
sys.stdin.readline()

cache = open_cache(path)
for number in range(count):
    cache.set(f"{name} {number}", f"{name} {number}".encode() * 50)
    cache.set("common", name.encode() * 1000)
missing = [number for number in range(count) if cache.get(f"{name} {number}") != f"{name} {number}".encode() * 50]
cache.close()
sys.exit(f"{name} misses {missing}" if missing else 0)
