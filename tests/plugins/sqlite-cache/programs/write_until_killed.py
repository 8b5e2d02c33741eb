"""Set entries forever, and print the number of each after it is stored: PATH."""

from __future__ import annotations

import itertools
import sys

from program_cache import open_cache, print_line

cache = open_cache(sys.argv[1])
for number in itertools.count():
    cache.set(f"key {number}", str(number).encode() * 5000)
    print_line(number)
