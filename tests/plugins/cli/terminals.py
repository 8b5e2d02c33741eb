"""The end of programs that tests run at a terminal."""

from __future__ import annotations

import signal


def end_program(child):
    """Kill a program of pexpect, and wait for its end. ``close(force=True)`` gives up on a busy machine."""
    if child.isalive():
        child.kill(signal.SIGKILL)
        child.wait()
    child.close()
