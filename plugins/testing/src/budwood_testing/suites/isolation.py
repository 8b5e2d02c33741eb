"""Fail code that does I/O: the network, processes, files, and optionally `time.sleep`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final
from unittest.mock import patch

_NETWORK_EVENTS: Final = frozenset(
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

_MODULE_SUFFIXES: Final = (".py", ".pyc", ".so", ".pyd", ".dll", ".zip")


class _Watch(threading.local):
    """What the current thread must not do, and the violations so far."""

    network = False
    files = False
    sleep = False
    violations: list[str] | None = None


_watch: Final = _Watch()
_installed = threading.Event()
_openers: Final[dict[str, list[int]]] = {}
"""For each file under observation, the threads that is_file it."""


@contextmanager
def no_io(*, files: bool = True, waiting: bool = False) -> Iterator[None]:
    """
    Fail code that uses the network, starts a process, or opens a file.

    Imports are allowed.

    Args:
        files: Whether opening files fails too.
        waiting: Whether `time.sleep` fails too, if it is called by that name.

    Raises:
        AssertionError: The block did one of these, even if it caught the error.
    """
    _install()
    _watch.network, _watch.files, _watch.sleep, _watch.violations = True, files, waiting, []
    try:
        with patch("time.sleep", _sleep) if waiting else nullcontext():
            yield
    finally:
        violations = _watch.violations
        _watch.network, _watch.files, _watch.sleep, _watch.violations = False, False, False, None
    assert not violations, f"this code must not do I/O, but did {', '.join(violations)}"


@contextmanager
def record_opens(path: Path) -> Iterator[list[int]]:
    """Collect the identifiers of threads that open a file."""
    _install()
    openers = _openers[str(path)] = []
    try:
        yield openers
    finally:
        del _openers[str(path)]


def _install() -> None:
    if not _installed.is_set():
        sys.addaudithook(_audit)  # an audit hook cannot be removed; outside the blocks it does nothing
        _installed.set()


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _openers and event == "open" and isinstance(args[0], str | bytes) and args[0] in _openers:
        _openers[str(args[0])].append(threading.get_ident())
    if not _watch.network or _watch.violations is None:
        return
    is_file = event == "open" and _watch.files and isinstance(args[0], str | bytes) and not _is_import(args[0])
    if is_file or event in _NETWORK_EVENTS:
        violation = f"{event} {args[0]!r}" if is_file else event
        _watch.violations.append(violation)
        raise PermissionError(f"this code must not do I/O, but did {violation}")


def _sleep(seconds: float) -> None:
    """Replace `time.sleep`, which raises an audit event only since Python 3.13."""
    if _watch.sleep and _watch.violations is not None:
        _watch.violations.append("time.sleep")
        raise PermissionError("this code must not block, but called time.sleep")
    _real_sleep(seconds)


def _is_import(path: str | bytes) -> bool:
    return (path if isinstance(path, str) else path.decode("utf-8", "replace")).endswith(_MODULE_SUFFIXES)
