"""The base of all tests of transports: the transport, a loopback server, calls and timings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, NamedTuple, cast

import pytest

from budwood.clock import SystemClock
from budwood.contracts import AsyncTransport, Clock, Transport, Transports
from budwood.hooks import TRANSPORT, Kind
from budwood.types import Body, HTTPCall, ReplyHead, Timing
from budwood.wire.proxies import PROXY_VARIABLES
from budwood_testing.loopback import MAX_WAIT, LoopbackServer
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.transport.sync_adapter import SyncTransport

LONG: Final = MAX_WAIT
"""A timeout in seconds that only a failing test reaches."""

LIMIT: Final = 10_000_000
"""The default limit for the size of a reply, in bytes."""

Mode = Literal["blocking", "async"]
Make = Callable[..., Transport]
"""Creates a transport for the mode under test; keyword arguments override settings."""


class Fetched(NamedTuple):
    """A reply and its body."""

    head: ReplyHead
    body: bytes


class TransportTestBase(PluginSuite):
    """
    Runs each test with blocking and with async I/O.

    Attributes:
        blocking: Whether the plugin has blocking I/O.
        asynchronous: Whether the plugin has async I/O.
        reuses: Whether it reuses connections.
        proxies: Whether it supports proxies; otherwise it must reject settings and environments that configure one.
    """

    kind: ClassVar[Kind[Any]] = TRANSPORT
    blocking: ClassVar[bool] = True
    asynchronous: ClassVar[bool] = True
    reuses: ClassVar[bool] = True
    proxies: ClassVar[bool] = True

    @pytest.fixture
    def clock(self) -> Clock:
        """Return the real clock, since sockets use real time."""
        return SystemClock()

    @pytest.fixture(autouse=True)
    def _bare_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Remove the proxies and certificates of the environment."""
        for name in (*PROXY_VARIABLES, "ssl_cert_file", "ssl_cert_dir"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)

    @pytest.fixture(params=["blocking", "async"])
    def mode(self, request: pytest.FixtureRequest) -> Mode:
        """Return the kind of I/O under test."""
        mode: Mode = request.param
        if not (self.blocking if mode == "blocking" else self.asynchronous):
            pytest.skip(f"{self.plugin} does not have {mode} I/O")
        return mode

    @pytest.fixture
    def make(self, mode: Mode, build: Build) -> Iterator[Make]:
        """Return a function that creates transports; close them after the test."""
        created: list[Transport] = []
        with asyncio.Runner() as runner:

            def make_one(**changes: object) -> Transport:
                implementation = cast("Transports", build(**changes).implementation)
                created.append(
                    implementation.blocking()
                    if mode == "blocking"
                    else SyncTransport(runner, implementation.asynchronous())
                )
                return created[-1]

            yield make_one
            for transport in created:
                transport.close()

    @pytest.fixture
    def transport(self, make: Make) -> Transport:
        """Create a transport with default settings."""
        return make()

    @pytest.fixture
    def make_async(self, build: Build) -> Callable[..., AsyncTransport]:
        """Return a function that creates async transports, for tests that run and close them on their own loop."""
        if not self.asynchronous:
            pytest.skip(f"{self.plugin} does not have async I/O")

        def make_one(**changes: object) -> AsyncTransport:
            return cast("Transports", build(**changes).implementation).asynchronous()

        return make_one

    def was_reused(self, server: LoopbackServer, connections: int) -> bool:
        """Return whether at most this many connections were opened; always true unless `reuses` is set."""
        return server.accepted <= connections or not self.reuses

    @pytest.fixture
    def server(self) -> Iterator[LoopbackServer]:
        """Start a loopback server."""
        with LoopbackServer() as server:
            yield server

    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        """Create a folder for the files of a test."""
        files = tmp_path / "files"
        files.mkdir()
        return files


def call(url: str, *, body: Body = b"", method: str | None = None, **headers: str) -> HTTPCall:
    """Create a call; by default a POST if it has a body, otherwise a GET."""
    return HTTPCall(method=method or ("POST" if body else "GET"), url=url, headers=headers, body=body)


def timing(*, connect: float = LONG, idle: float = LONG, total: float = LONG, head: float | None = None) -> Timing:
    """Create the timing of a call that starts now; all values in seconds."""
    now = time.monotonic()
    return Timing(
        connect_timeout=connect,
        idle_timeout=idle,
        deadline=now + total,
        head_deadline=None if head is None else now + head,
    )


def fetch(transport: Transport, request: HTTPCall, limit: int = LIMIT, **seconds: float) -> Fetched:
    """Send a call and read the complete reply."""
    exchange = transport.open(request, timing(**seconds))
    try:
        return Fetched(exchange.head, exchange.read_all(limit))
    finally:
        exchange.close()


async def fetch_async(transport: AsyncTransport, request: HTTPCall, limit: int = LIMIT, **seconds: float) -> Fetched:
    """Send a call and read the complete reply."""
    exchange = await transport.open(request, timing(**seconds))
    try:
        return Fetched(exchange.head, await exchange.read_all(limit))
    finally:
        await exchange.close()


def settle(transport: Transport) -> None:
    """Let a transport process events of its connections."""
    if isinstance(transport, SyncTransport):
        transport.settle()


def is_closed_by_client(transport: Transport, server: LoopbackServer) -> bool:
    """Wait for the client to close a connection; return whether it did."""
    settle(transport)
    return server.closed_by_client.wait(MAX_WAIT)
