"""Run one cell of the fault matrix: a call to real servers, of which some have a fault."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from budwood import AsyncClient, Client
from budwood.errors import ProviderError
from budwood.types import Attempt, ChatResponse, Restarted, TextDelta
from tests.faults.matrix.misbehaving_server import MANY, Server, serve
from tests.faults.matrix.table import Fault, Mode
from tests.servers import MAX_WAIT

RETRIES: Final = 1

FIRST: Final = "first"
BACKUP: Final = "first#2"
FALLBACK: Final = "second"
"""The names of the endpoints in the ledger."""


class RealClock:
    """
    The real time, on which sleeping returns immediately and advances the time.

    Attributes:
        slept: The duration of each sleep, in seconds.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point in time."""
        return time.monotonic() + sum(self.slept)

    def time(self) -> float:
        """Return seconds since 1970."""
        return time.time() + sum(self.slept)

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Advance the time."""
        self.slept.append(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Advance the time."""
        self.slept.append(seconds)

    def wait(self, event: threading.Event, deadline: float) -> None:
        """Wait until the event is set or the time has come."""
        event.wait(max(deadline - self.monotonic(), 0.0))

    async def wait_async(self, future: asyncio.Future[None], deadline: float) -> None:
        """Wait until the future is done or the time has come."""
        await asyncio.wait((future,), timeout=max(deadline - self.monotonic(), 0.0))


class Outcome(NamedTuple):
    """
    What a call did.

    Attributes:
        reply: Its reply; None after an error.
        error: Its error; None after a reply.
        shown: The text that a stream showed, with ``|`` at each restart; for a plain call, that of its reply.
        requests: The number of requests that each endpoint received.
        slept: The delays before retries, in seconds.
        open: The endpoints with a connection that was still open after the call.
    """

    reply: ChatResponse | None
    error: ProviderError | None
    shown: str
    requests: Mapping[str, int]
    slept: list[float]
    open: list[str]

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The ledger."""
        return self.reply.attempts if self.reply is not None else self.error.attempts

    @property
    def ledger(self) -> list[tuple[str | None, int | None, str | None]]:
        """Endpoint, status and error of each attempt."""
        return [(attempt.endpoint, attempt.status, attempt.error) for attempt in self.attempts]


@contextlib.contextmanager
def start_servers(
    fault: Fault, mode: Mode, faulty: tuple[str, ...], well: tuple[str, ...], times: int = MANY
) -> Iterator[dict[str, Server]]:
    """Start the servers of the endpoints: those with a fault, and those without."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                serve(fault.name if name in faulty else None, streamed=mode == "streamed", times=times)
            )
            for name in (*faulty, *well)
        }


def make_settings(fault: Fault, servers: Mapping[str, Server], keys: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a client for the servers."""
    api_key = keys[0] if len(keys) == 1 else list(keys)
    first: dict[str, Any] = {"plugin": fault.plugin, "base_url": servers[FIRST].url, "api_key": api_key}
    if BACKUP in servers:
        first["backups"] = [{"base_url": servers[BACKUP].url}]
    providers = {"first": first}
    if FALLBACK in servers:
        providers["second"] = {"plugin": fault.plugin, "base_url": servers[FALLBACK].url, "api_key": "sk-other"}
    return {"providers": providers}


def run(fault: Fault, mode: Mode, servers: Mapping[str, Server], *, blocking: bool, **options: Any) -> Outcome:
    """
    Call the first endpoint once, with the others as its backup and fallback.

    Args:
        fault: The fault that some of the servers have.
        mode: Whether the call is streamed.
        servers: The servers, by the names of their endpoints.
        blocking: Whether to use `Client` or `AsyncClient`.
        **options: Options of the client; ``keys`` are the keys of the first endpoint, and calls with the same ``clock``
            share what they know about endpoints.
    """
    clock = options.pop("clock", None) or RealClock()
    client_options = {
        "settings": make_settings(fault, servers, options.pop("keys", ("sk-one",))),
        "clock": clock,
        "retries": RETRIES,
        "cache": False,
        "fallbacks": [f"{FALLBACK}/tiny"] if FALLBACK in servers else [],
        **fault.options,
        **options,
    }
    shown: list[str] = []
    call = _call if blocking else _call_async
    reply, error, still_open = call(client_options, mode, servers, shown)
    requests = {name: server.requests for name, server in servers.items()}
    return Outcome(reply, error, "".join(shown), requests, clock.slept, still_open)


def _call(options: Mapping[str, Any], mode: Mode, servers: Mapping[str, Server], shown: list[str]) -> tuple[Any, ...]:
    reply = error = None
    with Client("first/tiny", **options) as client:
        try:
            if mode == "streamed":
                with client.stream("Hi") as stream:
                    for event in stream:
                        _show(event, shown)
                    reply = stream.response
            else:
                reply = client.ask("Hi")
        except ProviderError as raised:
            error = raised
        return _finish(reply, error, servers, shown)


def _call_async(
    options: Mapping[str, Any], mode: Mode, servers: Mapping[str, Server], shown: list[str]
) -> tuple[Any, ...]:
    async def call() -> tuple[Any, ...]:
        reply = error = None
        async with AsyncClient("first/tiny", **options) as client:
            try:
                if mode == "streamed":
                    async with client.stream("Hi") as stream:
                        async for event in stream:
                            _show(event, shown)
                    reply = stream.response
                else:
                    reply = await client.ask("Hi")
            except ProviderError as raised:
                error = raised
            return await asyncio.to_thread(_finish, reply, error, servers, shown)

    return asyncio.run(call())


def _show(event: object, shown: list[str]) -> None:
    if isinstance(event, TextDelta):
        shown.append(event.text)
    elif isinstance(event, Restarted):
        shown.append("|")


def _finish(
    reply: ChatResponse | None, error: ProviderError | None, servers: Mapping[str, Server], shown: list[str]
) -> tuple[Any, ...]:
    """Wait until the connections of the call are closed, while its client is still open."""
    if reply is not None and not shown:
        shown.append(reply.text)
    return reply, error, [name for name, server in servers.items() if not server.has_no_connection()]


@contextlib.contextmanager
def no_thread_left() -> Iterator[None]:
    """Check that all threads end that are started in a ``with`` block."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(MAX_WAIT)
        assert not thread.is_alive(), thread
