"""Import modules in a process of their own, and tell what that did besides: run by `PackagingSuite`."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

_TALKS: Final = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "urllib.Request",
)
_BETWEEN: Final = frozenset({"os", "_collections_abc", "collections.abc", __name__})
"""Modules through which variables of the environment are read."""


def main() -> None:
    """Import what standard input names, and write a report as the last line of standard output."""
    asked = json.loads(sys.stdin.read())
    package, modules = asked["package"], asked["modules"]
    acts: list[str] = []
    variables: list[str] = []
    before, environment = set(sys.modules), dict(os.environ)
    sys.addaudithook(lambda event, args: _note(acts, event, args))
    _watch_environment(package, variables)
    error = None
    try:
        for module in modules:
            importlib.import_module(module)
    except BaseException as raised:  # noqa: BLE001 - whatever it is, the report tells
        error = f"{type(raised).__name__}: {raised}"
    report = {
        "error": error,
        "modules": sorted(set(sys.modules) - before),
        "acts": acts,
        "variables": variables,
        "changed": sorted(name for name, value in os.environ.items() if environment.get(name) != value),
        "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
        "handlers": [repr(handler) for handler in logging.getLogger().handlers],
    }
    sys.stdout.write("\n" + json.dumps(report) + "\n")


def _note(acts: list[str], event: str, args: tuple[Any, ...]) -> None:
    """Note what talks to anyone or writes a file; compiled modules are written by Python itself."""
    if event in _TALKS:
        acts.append(event)
    elif event == "open" and isinstance(args[0], str) and _writes(args) and ".pyc" not in args[0]:
        acts.append(f"writes {args[0]}")


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))


def _watch_environment(package: str, variables: list[str]) -> None:
    """Note the variables that the package itself reads; those of the libraries that it imports are their business."""
    environ: Any = type(os.environ)
    read: Callable[[Any, str], str] = environ.__getitem__

    def noting(self: Any, name: str) -> str:  # noqa: ANN401 - the class of os.environ has no public name
        if f"{_reader()}.".startswith(f"{package}."):
            variables.append(name)
        return read(self, name)

    environ.__getitem__ = noting


def _reader() -> str:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__"))
