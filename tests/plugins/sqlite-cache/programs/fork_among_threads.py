"""Fork repeatedly while threads write; each child reads and writes. Print the number of successful children: PATH."""

from __future__ import annotations

import os
import sys
import threading
import warnings

from program_cache import open_cache, print_line

warnings.filterwarnings("ignore", category=DeprecationWarning)  # this program forks while threads run

cache = open_cache(sys.argv[1])
stop = threading.Event()
counts = [0] * 4


def write(writer: int) -> None:
    """Set entries until `stop` is set."""
    while not stop.is_set():
        cache.set(f"thread {writer} {counts[writer]}", b"value")
        counts[writer] += 1


threads = [threading.Thread(target=write, args=(writer,)) for writer in range(len(counts))]
for thread in threads:
    thread.start()

succeeded = 0
for number in range(10):
    child = os.fork()
    if child == 0:
        try:
            cache.set(f"child {number}", b"value")
            os._exit(0 if cache.get("thread 0 0") in (b"value", None) else 1)
        finally:
            os._exit(2)
    succeeded += os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()

lost = [
    key
    for key in [f"child {number}" for number in range(10)]
    + [f"thread {writer} {step}" for writer, steps in enumerate(counts) for step in range(steps)]
    if cache.get(key) is None
]
cache.close()
print_line(succeeded, lost)
