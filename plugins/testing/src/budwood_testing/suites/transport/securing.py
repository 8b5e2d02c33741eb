"""Servers with TLS, whose certificates are of an authority that exists for one run of tests."""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from budwood_testing.loopback import LoopbackServer
from budwood_testing.suites.transport.bench import TransportBench

if TYPE_CHECKING:
    import trustme


class SecureBench(TransportBench):
    """What tests with TLS need besides."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        """Make an unknown authority."""
        return _authority()

    @pytest.fixture
    def authority_file(self, authority: trustme.CA, files: Path) -> Path:
        """Write the authority's certificate."""
        file = files / "authority.pem"
        authority.cert_pem.write_to_path(file)
        return file

    @pytest.fixture
    def server_context(self, authority: trustme.CA) -> ssl.SSLContext:
        """Let a server prove that it is this machine."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        return context

    @pytest.fixture
    def tls_server(self, server_context: ssl.SSLContext) -> Iterator[LoopbackServer]:
        """Start a server with TLS."""
        with LoopbackServer(server_context) as server:
            yield server


@functools.cache
def _authority() -> trustme.CA:
    """Make it once; where what makes it is missing the test is skipped, in CI it fails."""
    try:
        import trustme
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("it needs trustme: pip install 'budwood[testing]'")
    return trustme.CA()


def certified(*names: str) -> trustme.LeafCert:
    """Make a certificate of that authority, for hosts or for who asks."""
    return _authority().issue_cert(*names)
