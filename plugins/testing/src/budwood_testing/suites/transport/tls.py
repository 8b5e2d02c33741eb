"""TLS servers with certificates of a temporary certificate authority."""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from budwood_testing.loopback import LoopbackServer
from budwood_testing.suites.transport.bench import TransportTestBase

if TYPE_CHECKING:
    import trustme


class TLSBench(TransportTestBase):
    """The base of tests with TLS."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        """Create a certificate authority that is not trusted by default."""
        return _authority()

    @pytest.fixture
    def authority_file(self, authority: trustme.CA, files: Path) -> Path:
        """Write the certificate of the authority to a file."""
        file = files / "authority.pem"
        authority.cert_pem.write_to_path(file)
        return file

    @pytest.fixture
    def server_context(self, authority: trustme.CA) -> ssl.SSLContext:
        """Create a TLS context with a certificate for this machine."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        return context

    @pytest.fixture
    def tls_server(self, server_context: ssl.SSLContext) -> Iterator[LoopbackServer]:
        """Start a TLS server."""
        with LoopbackServer(server_context) as server:
            yield server


@functools.cache
def _authority() -> trustme.CA:
    """Create the authority once. Without trustme the test is skipped, or fails in CI."""
    try:
        import trustme
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("TLS tests require trustme: pip install trustme")
    return trustme.CA()


def certified(*names: str) -> trustme.LeafCert:
    """Issue a certificate of the authority for hosts or for a client."""
    return _authority().issue_cert(*names)
