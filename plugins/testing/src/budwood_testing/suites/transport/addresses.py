"""Tests of calls with addresses, which were checked before: nothing else is connected to."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from budwood.contracts import Transport
from budwood.errors import ConnectionFailedError
from budwood_testing.loopback import KEEP_ALIVE, LoopbackServer, reply
from budwood_testing.suites.transport.bench import Make, call, fetch
from budwood_testing.suites.transport.tls import TLSBench

if TYPE_CHECKING:
    import trustme

_HERE = ("127.0.0.1",)
_ELSEWHERE = ("127.0.0.2",)
"""An address of this machine at which no server listens."""


class AddressTests(TLSBench):
    """A call with addresses connects to these, whatever its host is. Certificates are still those of the host."""

    @pytest.fixture
    def named_server(self, authority: trustme.CA) -> Iterator[LoopbackServer]:
        """Start a TLS server with a certificate of a host that does not exist."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("storage.invalid").configure_cert(context)
        with LoopbackServer(context) as server:
            yield server

    def test_host_of_a_call_with_addresses_is_not_looked_up(self, transport: Transport, server: LoopbackServer) -> None:
        """The host, which does not exist, is only in the header."""
        server.play(reply(200, "here"))
        pinned = replace(call(f"http://storage.invalid:{server.port}/a"), addresses=_HERE)

        assert fetch(transport, pinned).body == b"here"
        assert server.requests[0].headers["host"] == f"storage.invalid:{server.port}"

    def test_second_address_is_tried(self, transport: Transport, server: LoopbackServer) -> None:
        """If the first address does not answer, the next one is connected to."""
        server.play(reply(200, "here"))
        pinned = replace(call(f"http://storage.invalid:{server.port}/a"), addresses=(*_ELSEWHERE, *_HERE))

        assert fetch(transport, pinned).body == b"here"

    def test_no_other_address_is_connected_to(self, transport: Transport, server: LoopbackServer) -> None:
        """If no address answers, the one that a look-up of the host finds is not tried."""
        with pytest.raises(ConnectionFailedError):
            fetch(transport, replace(call(f"http://localhost:{server.port}/a"), addresses=_ELSEWHERE))

        assert server.accepted == 0

    def test_connection_to_other_addresses_is_not_reused(self, transport: Transport, server: LoopbackServer) -> None:
        """A call with addresses does not use the connection of one without, to the same host."""
        server.play(reply(200, "here", **KEEP_ALIVE), keep_alive=True, times=2)
        plain = call(f"http://localhost:{server.port}/a")

        fetch(transport, plain)
        fetch(transport, replace(plain, addresses=_HERE))
        with pytest.raises(ConnectionFailedError):
            fetch(transport, replace(plain, addresses=_ELSEWHERE))

        assert server.accepted == 2

    def test_certificate_is_that_of_the_host(
        self, make: Make, named_server: LoopbackServer, authority_file: Path
    ) -> None:
        """With TLS, the server at the address must have a certificate of the host of the URL."""
        named_server.play(reply(200, "here"))
        pinned = replace(call(f"https://storage.invalid:{named_server.port}/a"), addresses=_HERE)

        assert fetch(make(ca_file=authority_file), pinned).body == b"here"
        assert named_server.requests[0].headers["host"] == f"storage.invalid:{named_server.port}"

    def test_certificate_of_the_address_is_rejected(
        self, make: Make, tls_server: LoopbackServer, authority_file: Path
    ) -> None:
        """A trusted certificate of the address itself does not prove that the server is that of the host."""
        pinned = replace(call(f"https://storage.invalid:{tls_server.port}/a"), addresses=_HERE)

        with pytest.raises(ConnectionFailedError, match="is not trusted") as caught:
            fetch(make(ca_file=authority_file), pinned)

        assert not caught.value.retryable
        assert tls_server.requests == []
