"""Fork without Python's handlers, as a C library does; print whether the child used its parent's connection: PATH."""

from __future__ import annotations

import ctypes
import os
import sys

from program_cache import open_cache, print_line

cache = open_cache(sys.argv[1])
cache.set("before", b"parent")
connection = cache._database.use(id)

if ctypes.PyDLL(None).fork() == 0:
    print_line(cache.get("before"), "its own" if cache._database.use(id) != connection else "its parent's")
    os._exit(0)
os.wait()
