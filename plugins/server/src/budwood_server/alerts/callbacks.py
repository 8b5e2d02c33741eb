"""Call the functions that rules name. They are the operator's own, and may fail or hang."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from budwood import logs

MAX_SECONDS: Final = 30.0
"""Seconds after which an async function is cancelled, and a warning says that another one has not returned."""


class Callbacks:
    """
    Calls functions, each in a thread of its own: a function that hangs holds up neither requests nor other alerts.

    Args:
        max_seconds: See `MAX_SECONDS`.
    """

    def __init__(self, max_seconds: float = MAX_SECONDS) -> None:
        self._max_seconds = max_seconds
        self._running: dict[str, threading.Thread] = {}

    def call(self, target: str, alert: Mapping[str, Any]) -> None:
        """
        Start to call a function, unless the last call of it has not returned yet. Errors are logged.

        Args:
            target: Its name, as ``module:function``.
            alert: The data of the event.
        """
        running = self._running.get(target)
        if running is not None and running.is_alive():
            _warn(target, alert, "The last call of it has not returned.")
            return
        # A daemon: the end of the process does not wait for it.
        thread = threading.Thread(target=self._run, args=(target, dict(alert)), name="budwood-alert", daemon=True)
        self._running[target] = thread
        thread.start()

    def _run(self, target: str, alert: dict[str, Any]) -> None:
        timer = threading.Timer(self._max_seconds, _warn, (target, alert, "It has not returned yet."))
        timer.daemon = True
        timer.start()
        try:
            result = _find(target)(alert)
            if inspect.isawaitable(result):
                asyncio.run(self._wait(result))
        except TimeoutError:
            _warn(target, alert, "It was cancelled: it took too long.")
        except Exception as error:  # noqa: BLE001 - of any kind
            _warn(target, alert, f"{type(error).__name__}: {error}")
        finally:
            timer.cancel()

    async def _wait(self, result: Any) -> None:  # noqa: ANN401 - an awaitable of any type
        async with asyncio.timeout(self._max_seconds):
            await result


def _find(target: str) -> Callable[[dict[str, Any]], object]:
    """
    Import a function.

    Raises:
        ImportError: There is no such module.
        AttributeError: It has no such function.
    """
    module, _, path = target.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    function: Callable[[dict[str, Any]], object] = found
    return function


def _warn(target: str, alert: Mapping[str, Any], reason: str) -> None:
    logs.emit("alert callback failed", level="warning", callback=target, rule=alert["rule"], reason=reason)
