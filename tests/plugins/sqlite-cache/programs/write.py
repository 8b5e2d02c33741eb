"""
Set entries from several threads, whose keys start with a name, and read them at the end: PATH NAME COUNT THREADS.

It prints "ready" and starts at a line of input, so that several processes start together.
"""

from __future__ import annotations

import sys
import threading

from program_cache import open_cache, print_line

path, name, count, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
print_line("ready")
sys.stdin.readline()

cache = open_cache(path)
wrong = []


def write(thread: int) -> None:
    """Set entries, and read them."""
    try:
        for number in range(count):
            cache.set(f"{name} {thread} {number}", f"{name} {thread} {number}".encode() * 50)
            cache.set("common", name.encode() * 1000)
            common = cache.get("common") or b""
            if common != common[:1] * 1000:
                wrong.append("common")
        wrong.extend(
            f"{name} {thread} {number}"
            for number in range(count)
            if cache.get(f"{name} {thread} {number}") != f"{name} {thread} {number}".encode() * 50
        )
    except OSError as error:
        wrong.append(str(error))


running = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
for one in running:
    one.start()
for one in running:
    one.join()
cache.close()
sys.exit(f"{name} has {wrong}" if wrong else 0)
