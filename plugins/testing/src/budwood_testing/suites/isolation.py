"""Forbid the network and files for a while: what is a pure translation needs neither."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final
from unittest.mock import patch

_TALKS: Final = frozenset(
    {
        "os.exec",
        "os.posix_spawn",
        "os.system",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendto",
        "subprocess.Popen",
        "urllib.Request",
    }
)
"""Audit events of the network and of other processes. Source: Python's table of audit events."""

_real_sleep: Final = time.sleep

_OF_IMPORTS: Final = (".py", ".pyc", ".so", ".pyd", ".dll", ".zip")


class _Watch(threading.local):
    """What is forbidden to this thread at the moment, and what it did all the same."""

    talks = False
    files = False
    waits = False
    found: list[str] | None = None


_watch: Final = _Watch()
_installed = threading.Event()
_openers: Final[dict[str, list[int]]] = {}
"""The threads that opened a file, for files that are observed."""


@contextmanager
def forbidden(*, files: bool = True, waiting: bool = False) -> Iterator[None]:
    """
    Let what talks to anyone, starts a program, or opens a file fail.

    Imports are allowed: plugins import what they need when they need it.

    Args:
        files: Whether files are forbidden too.
        waiting: Whether `time.sleep` is forbidden too, where it is called by this name.

    Raises:
        AssertionError: One of these was done, also if the error was swallowed.
    """
    _install()
    _watch.talks, _watch.files, _watch.waits, _watch.found = True, files, waiting, []
    try:
        with patch("time.sleep", _sleep) if waiting else nullcontext():
            yield
    finally:
        found = _watch.found
        _watch.talks, _watch.files, _watch.waits, _watch.found = False, False, False, None
    assert not found, f"this must do no I/O, and did {', '.join(found)}"


@contextmanager
def observed(path: Path) -> Iterator[list[int]]:
    """Give a list to which each thread that opens a file adds its identifier."""
    _install()
    openers = _openers[str(path)] = []
    try:
        yield openers
    finally:
        del _openers[str(path)]


def _install() -> None:
    if not _installed.is_set():
        sys.addaudithook(_audit)  # hooks cannot be taken away again: this one does nothing outside of the blocks
        _installed.set()


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _openers and event == "open" and isinstance(args[0], str | bytes) and args[0] in _openers:
        _openers[str(args[0])].append(threading.get_ident())
    if not _watch.talks or _watch.found is None:
        return
    opened = event == "open" and _watch.files and isinstance(args[0], str | bytes) and not _is_import(args[0])
    if opened or event in _TALKS:
        said = f"{event} {args[0]!r}" if opened else event
        _watch.found.append(said)
        raise PermissionError(f"this must do no I/O, and did {said}")


def _sleep(seconds: float) -> None:
    """Stand in for `time.sleep`, which has an audit event only from Python 3.13 on."""
    if _watch.waits and _watch.found is not None:
        _watch.found.append("time.sleep")
        raise PermissionError("this must not wait, and did so by time.sleep")
    _real_sleep(seconds)


def _is_import(path: str | bytes) -> bool:
    return (path if isinstance(path, str) else path.decode("utf-8", "replace")).endswith(_OF_IMPORTS)
