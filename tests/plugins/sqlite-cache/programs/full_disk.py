"""Write beyond what the system lets a file grow to, then less; print what happens: PATH."""

from __future__ import annotations

import resource
import sys

from opening import open_cache, say

cache = open_cache(sys.argv[1])
cache.set("before", b"value")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

try:
    cache.set("large", bytes(1_000_000))
except OSError as error:
    say("OSError", error.filename == sys.argv[1])
say(cache.get("before"), cache.get("large"))
cache.set("after", b"value")
say(cache.get("after"))
cache.close()
