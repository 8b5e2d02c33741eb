"""The context that the core passes to plugins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import Future
    from pathlib import Path
    from threading import Event

    from budwood.types import ModelRules


class Clock(Protocol):
    """The time, and functions that wait. Tests pass a fake clock."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point; it never decreases."""
        ...

    def time(self) -> float:
        """Return seconds since 1970."""
        ...

    def sleep(self, seconds: float, *, wake: Event | None = None) -> None:
        """Block the thread for this time, or until `wake` is set. The event is used for this call only."""
        ...

    async def sleep_async(self, seconds: float) -> None:
        """Wait without blocking the thread."""
        ...

    def wait(self, event: Event, deadline: float) -> None:
        """
        Block the thread until the event is set, at most until `monotonic` returns `deadline`.

        The event is used for this call only; a clock may set it to end the wait.
        """
        ...

    async def wait_async(self, future: Future[None], deadline: float) -> None:
        """Wait without blocking the thread until the future is done, at most until `deadline`."""
        ...


class EmitLog(Protocol):
    """Writes an event to the log; see `budwood.logs.emit` for redaction."""

    def __call__(self, event: str, **fields: object) -> None:
        """Write an event."""
        ...


class RulesLookup(Protocol):
    """Looks up the rules of a model, from the catalog and from parameters that its server has rejected."""

    def __call__(self, model: str, *, family: str | None = None) -> ModelRules:
        """
        Return the rules of a model. The rules of an unknown model are empty.

        Args:
            model: The user's name for the model.
            family: The model's name in the catalog, if users choose the names of models.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """
    What the core passes to a plugin besides its settings.

    Attributes:
        instance: The user's name for this instance: ``"my-vllm"``.
        rules: Looks up the rules of a model.
        log: Writes an event to the log.
        clock: The clock.
        cache_folder: A folder for files that can be created again, one for each kind and name of a plugin, shared by
            its instances. It may not exist yet.
        data_folder: The same for files that cannot be created again.
    """

    instance: str
    rules: RulesLookup
    log: EmitLog
    clock: Clock
    cache_folder: Path
    data_folder: Path
