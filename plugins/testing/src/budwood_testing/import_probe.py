"""Import modules in a separate process and report the side effects; run by `PackagingSuite`."""

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

_NETWORK_EVENTS: Final = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "urllib.Request",
)
_ENVIRONMENT_MODULES: Final = frozenset({"os", "_collections_abc", "collections.abc", __name__})
"""Modules through which code reads environment variables."""


def main() -> None:
    """Import the modules that standard input names; print a report as the last line of standard output."""
    request = json.loads(sys.stdin.read())
    package, modules = request["package"], request["modules"]
    side_effects: list[str] = []
    variables: list[str] = []
    before, environment = set(sys.modules), dict(os.environ)
    sys.addaudithook(lambda event, args: _record(side_effects, event, args))
    _watch_environment(package, variables)
    error = None
    try:
        for module in modules:
            importlib.import_module(module)
    except BaseException as raised:  # noqa: BLE001 - the report contains it
        error = f"{type(raised).__name__}: {raised}"
    report = {
        "error": error,
        "modules": sorted(set(sys.modules) - before),
        "side_effects": side_effects,
        "variables": variables,
        "changed": sorted(name for name, value in os.environ.items() if environment.get(name) != value),
        "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
        "handlers": [repr(handler) for handler in logging.getLogger().handlers],
    }
    sys.stdout.write("\n" + json.dumps(report) + "\n")


def _record(side_effects: list[str], event: str, args: tuple[Any, ...]) -> None:
    """Record network access, processes and written files, except compiled modules, which Python itself writes."""
    if event in _NETWORK_EVENTS:
        side_effects.append(event)
    elif event == "open" and isinstance(args[0], str) and _writes(args) and ".pyc" not in args[0]:
        side_effects.append(f"writes {args[0]}")


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))


def _watch_environment(package: str, variables: list[str]) -> None:
    """Record environment variables that the package itself reads, not the libraries that it imports."""
    environ: Any = type(os.environ)
    read: Callable[[Any, str], str] = environ.__getitem__

    def recording_getitem(self: Any, name: str) -> str:  # noqa: ANN401 - the class of os.environ has no public name
        if f"{_calling_module()}.".startswith(f"{package}."):
            variables.append(name)
        return read(self, name)

    environ.__getitem__ = recording_getitem


def _calling_module() -> str:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in _ENVIRONMENT_MODULES:
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__"))
