"""Set entries forever, beginning with a number, and print the number of each after it is stored: PATH NUMBER."""

from __future__ import annotations

import itertools
import sys

from program_cache import open_cache, print_line

cache = open_cache(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    cache.set(f"key {number}", str(number).encode() * 5000)
    print_line(number)
