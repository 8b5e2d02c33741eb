"""Run functions in forked processes."""

from __future__ import annotations

import os
import signal


def run_in_child(work) -> str:
    """
    Return the result of a function in a forked process, which ends without cleaning up.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that waits for a lock is killed
        try:
            os.write(writer, str(work()).encode())
        except BaseException as error:  # noqa: BLE001 - a forked child must not continue the test
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        output = pipe.read().decode()
    os.waitpid(child, 0)
    return output
