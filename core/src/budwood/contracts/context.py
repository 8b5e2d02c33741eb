"""What every plugin gets from the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import Future
    from pathlib import Path
    from threading import Event

    from budwood.types import ModelRules


class Clock(Protocol):
    """Time, and waiting for it to pass. Tests bring one of their own."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def time(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float, *, wake: Event | None = None) -> None:
        """Wait, blocking the thread; no longer than until ``wake`` is set, which belongs to this pause alone."""
        ...

    async def sleep_async(self, seconds: float) -> None:
        """Wait, leaving the thread to other tasks."""
        ...

    def wait(self, event: Event, deadline: float) -> None:
        """
        Wait, blocking the thread, until the event is set, at most until `monotonic` shows ``deadline``.

        The event belongs to this call alone: a clock may set it to end the waiting.
        """
        ...

    async def wait_async(self, future: Future[None], deadline: float) -> None:
        """Wait, leaving the thread to other tasks, until the future is done, at most until ``deadline``."""
        ...


class EmitLog(Protocol):
    """How a plugin writes an event to the log; see `budwood.logs.emit` for what is redacted."""

    def __call__(self, event: str, **fields: object) -> None:
        """Write one event."""
        ...


class RulesLookup(Protocol):
    """How a plugin asks what is known of a model: from the catalog, and from what its server has refused before."""

    def __call__(self, model: str, *, family: str | None = None) -> ModelRules:
        """
        Return the rules of a model; the rules of an unknown model are empty.

        Args:
            model: The name that users call it.
            family: The model's name in the catalog, where users give models names of their own.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """
    What a plugin gets besides its settings.

    Attributes:
        instance: The name that users gave to this instance: ``"my-vllm"``.
        rules: What is known of a model, by the model's name.
        log: Writes an event to the log.
        clock: The time.
        cache_folder: Where files may be kept that can be made again: one folder for each kind and name of a plugin,
            shared by its instances. It need not exist yet.
    """

    instance: str
    rules: RulesLookup
    log: EmitLog
    clock: Clock
    cache_folder: Path
