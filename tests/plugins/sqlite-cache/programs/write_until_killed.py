"""Set entries without end, and print the number of each once it is kept: PATH."""

from __future__ import annotations

import itertools
import sys

from opening import open_cache, say

cache = open_cache(sys.argv[1])
for number in itertools.count():
    cache.set(f"key {number}", str(number).encode() * 5000)
    say(number)
