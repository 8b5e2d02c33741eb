"""A server that all processes of a test run share."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

STATE = "settings.json"
USERS = "users.lock"


@contextlib.contextmanager
def share_server(folder, command, read_settings, **options):
    """
    Start a server, or use the one that another process of the test run has started.

    Each user holds a shared lock on a file. The server waits for an exclusive one: it ends after the last user, also if
    users are killed. It must delete the state while it holds that lock.

    Args:
        folder: The folder for the locks, the same in all processes.
        command: The command of the server.
        read_settings: Reads the settings of the server, as JSON, from its standard output.
        options: Options for `subprocess.Popen`.
    """
    import fcntl  # not on Windows

    folder.mkdir(exist_ok=True)
    state, process = folder / STATE, None
    with (folder / USERS).open("a") as users:
        with (folder / "start.lock").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # a server that is about to end has deleted the state before
            if not state.exists():
                process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
                state.write_text(json.dumps(read_settings(process.stdout)))
        yield json.loads(state.read_text())
    if process is not None:
        process.communicate()  # the other users may need it for longer


def folder_of_the_run(tmp_path_factory, name):
    """
    Return a path that is the same in all processes of a test run.
    """
    base = Path(tmp_path_factory.getbasetemp())
    return (base.parent if base.name.startswith("popen-") else base) / name
