"""Ask, fork, and ask in both processes: ADDRESS."""

from __future__ import annotations

import os
import sys

from calls import open_client, print_line

from budwood_usage import writer

writer.FLUSH_SECONDS = 1e6  # the fork happens before anything is written
client = open_client(sys.argv[1])
client.ask("1", label="written")
client._engine.observers[0].flush()  # with a connection that the child must not use
client.ask("1", label="before")
child = os.fork()
name = "parent" if child else "child"
client.ask("2", label=name)
client.close()
if not child:
    os._exit(0)
_, status = os.waitpid(child, 0)
print_line(os.waitstatus_to_exitcode(status))
