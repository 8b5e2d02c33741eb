"""What all tests of transports need: the transport, a server on loopback, calls and their timing."""

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
from budwood_testing.loopback import PATIENCE, LoopbackServer
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.transport.awaited import AwaitedTransport

LONG: Final = PATIENCE
"""Seconds that only a test waits for which has gone wrong."""

LIMIT: Final = 10_000_000
"""Bytes of a reply that are kept where a test says nothing else."""

Mode = Literal["blocking", "async"]
Make = Callable[..., Transport]
"""Makes a transport of the kind that is tested; what is given by name is added to its settings."""


class Fetched(NamedTuple):
    """A reply and its body."""

    head: ReplyHead
    body: bytes


class TransportBench(PluginSuite):
    """
    Finds the transport, and makes it with blocking and with async I/O.

    Attributes:
        blocking: Whether it has blocking I/O.
        asynchronous: Whether it has async I/O.
        reuses: Whether it uses connections for more than one call.
        proxies: Whether it goes through proxies; one that does not refuses settings and environments that name some.
    """

    kind: ClassVar[Kind[Any]] = TRANSPORT
    blocking: ClassVar[bool] = True
    asynchronous: ClassVar[bool] = True
    reuses: ClassVar[bool] = True
    proxies: ClassVar[bool] = True

    @pytest.fixture
    def clock(self) -> Clock:
        """Give the transport the real time: sockets know no other."""
        return SystemClock()

    @pytest.fixture(autouse=True)
    def _bare_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Remove the machine's proxies and certificates."""
        for name in (*PROXY_VARIABLES, "ssl_cert_file", "ssl_cert_dir"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)

    @pytest.fixture(params=["blocking", "async"])
    def mode(self, request: pytest.FixtureRequest) -> Mode:
        """Say which kind of I/O is tested."""
        mode: Mode = request.param
        if not (self.blocking if mode == "blocking" else self.asynchronous):
            pytest.skip(f"{self.plugin} does not claim to have {mode} I/O")
        return mode

    @pytest.fixture
    def make(self, mode: Mode, build: Build) -> Iterator[Make]:
        """Make transports, and close them at the end."""
        made: list[Transport] = []
        with asyncio.Runner() as runner:

            def make_one(**changes: object) -> Transport:
                thing = cast("Transports", build(**changes).thing)
                made.append(thing.blocking() if mode == "blocking" else AwaitedTransport(runner, thing.asynchronous()))
                return made[-1]

            yield make_one
            for transport in made:
                transport.close()

    @pytest.fixture
    def transport(self, make: Make) -> Transport:
        """Make a transport as it is by default."""
        return make()

    @pytest.fixture
    def make_async(self, build: Build) -> Callable[..., AsyncTransport]:
        """Make transports for tests of tasks, which have a loop of their own; they close them."""
        if not self.asynchronous:
            pytest.skip(f"{self.plugin} does not claim to have async I/O")

        def make_one(**changes: object) -> AsyncTransport:
            return cast("Transports", build(**changes).thing).asynchronous()

        return make_one

    def was_reused(self, server: LoopbackServer, connections: int) -> bool:
        """Tell whether there were at most a number of connections, if the plugin claims a bound."""
        return server.accepted <= connections or not self.reuses

    @pytest.fixture
    def server(self) -> Iterator[LoopbackServer]:
        """Start a server that plays scripts."""
        with LoopbackServer() as server:
            yield server

    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        """Make a folder for what a test writes."""
        files = tmp_path / "files"
        files.mkdir()
        return files


def call(url: str, *, body: Body = b"", method: str | None = None, **headers: str) -> HTTPCall:
    """Make a call: with a body a POST, and else a GET."""
    return HTTPCall(method=method or ("POST" if body else "GET"), url=url, headers=headers, body=body)


def timing(*, connect: float = LONG, idle: float = LONG, whole: float = LONG, head: float | None = None) -> Timing:
    """Say how long a call that begins now may take."""
    now = time.monotonic()
    return Timing(
        connect_timeout=connect,
        idle_timeout=idle,
        deadline=now + whole,
        head_deadline=None if head is None else now + head,
    )


def fetch(transport: Transport, made: HTTPCall, limit: int = LIMIT, **seconds: float) -> Fetched:
    """Send a call; return the head and the whole body."""
    exchange = transport.open(made, timing(**seconds))
    try:
        return Fetched(exchange.head, exchange.read_all(limit))
    finally:
        exchange.close()


async def fetch_async(transport: AsyncTransport, made: HTTPCall, limit: int = LIMIT, **seconds: float) -> Fetched:
    """Send a call; return the head and the whole body."""
    exchange = await transport.open(made, timing(**seconds))
    try:
        return Fetched(exchange.head, await exchange.read_all(limit))
    finally:
        await exchange.close()


def settle(transport: Transport) -> None:
    """Give a transport the chance to see what has happened to its connections."""
    if isinstance(transport, AwaitedTransport):
        transport.settle()


def is_left(transport: Transport, server: LoopbackServer) -> bool:
    """Tell whether a client has ended a connection, or soon will have."""
    settle(transport)
    return server.left.wait(PATIENCE)
