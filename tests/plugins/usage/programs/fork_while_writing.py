"""Fork while the thread writes a call, and ask in the child: ADDRESS."""

from __future__ import annotations

import os
import sys
import threading

from calls import open_client, print_line

from budwood_usage import writer
from budwood_usage.database import records

writer.FLUSH_SECONDS = 1e-3
is_writing, may_continue = threading.Event(), threading.Event()


def pausing(work):
    """
    Return a function that does its work, and then waits.
    """

    def pause(*arguments):
        result = work(*arguments)
        is_writing.set()
        may_continue.wait()
        return result

    return pause


client = open_client(sys.argv[1])
retention = client._engine.observers[0]._store._retention
records.lock = pausing(records.lock)  # inside the transaction
if "://" not in sys.argv[1]:  # before the transaction, since a fork waits for its end
    retention.due = pausing(retention.due)
client.ask("1", label="parent")
is_writing.wait()
child = os.fork()
may_continue.set()
if not child:
    client.ask("2", label="child")
client.close()
if not child:
    os._exit(0)
_, status = os.waitpid(child, 0)
print_line(os.waitstatus_to_exitcode(status))
