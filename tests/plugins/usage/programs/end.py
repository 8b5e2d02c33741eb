"""Ask once, and end in some way without closing the client: ADDRESS WAY."""

from __future__ import annotations

import multiprocessing
import sys

from calls import open_client, print_line

from budwood_usage import writer


def ask(address):
    """
    Ask with a new client that is never closed.
    """
    client = open_client(address)
    client.ask("1")
    CLIENTS.append(client)


CLIENTS = []
writer.FLUSH_SECONDS = 1e6  # only the end writes
address, way = sys.argv[1:]
if way == "forked":
    process = multiprocessing.get_context("fork").Process(target=ask, args=(address,))
    process.start()
    process.join()
else:
    ask(address)
if way == "dropped":
    CLIENTS.clear()
print_line("asked")
if way == "waiting":
    writer.EXIT_SECONDS = 0.1
    sys.stdin.readline()
if way == "exit":
    sys.exit(7)
if way == "exception":
    sys.stderr.close()
    raise RuntimeError("the program failed")
