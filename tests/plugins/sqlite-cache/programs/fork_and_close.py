"""
Fork while the cache is open, close it in the parent while the child continues, and print the entries at the end: PATH.
"""

from __future__ import annotations

import os
import sys

from program_cache import open_cache, print_line

cache = open_cache(sys.argv[1])
cache.set("before", b"parent")
child_wrote, child_continues = os.pipe(), os.pipe()

if os.fork() == 0:
    value = cache.get("before")
    cache.set("early", b"child" if value == b"parent" else b"blind")
    os.write(child_wrote[1], b".")
    os.read(child_continues[0], 1)
    cache.set("late", b"child")
    os._exit(0)  # without closing, as if killed

os.read(child_wrote[0], 1)
early = cache.get("early")
cache.close()
os.write(child_continues[1], b".")
os.wait()

cache = open_cache(sys.argv[1])
print_line(early, *(cache.get(key) for key in ("before", "early", "late")))
