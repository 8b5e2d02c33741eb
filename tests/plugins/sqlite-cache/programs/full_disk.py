"""Write more than the system's limit for file sizes, then less; print the outcomes: PATH."""

from __future__ import annotations

import resource
import sys

from program_cache import open_cache, print_line

cache = open_cache(sys.argv[1])
cache.set("before", b"value")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

try:
    cache.set("large", bytes(1_000_000))
except OSError as error:
    print_line("OSError", error.filename == sys.argv[1])
print_line(cache.get("before"), cache.get("large"))
cache.set("after", b"value")
print_line(cache.get("after"))
cache.close()
