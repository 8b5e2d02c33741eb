"""Tests of TLS: trusted authorities, server verification and client certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from budwood.errors import ConfigurationError, ConnectionFailedError, RequestTimeoutError
from budwood_testing.loopback import KEEP_ALIVE, LoopbackServer, reply
from budwood_testing.suites.transport.bench import Make, call, fetch
from budwood_testing.suites.transport.tls import TLSBench

if TYPE_CHECKING:
    import trustme


class CertificateTests(TLSBench):
    """Servers are verified, and client certificates are sent, as configured."""

    @pytest.fixture
    def strict_server(self, server_context: ssl.SSLContext, authority: trustme.CA) -> Iterator[LoopbackServer]:
        """Start a server that requires a client certificate."""
        server_context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(server_context)
        with LoopbackServer(server_context) as server:
            yield server

    def test_ca_file_setting_is_trusted(self, make: Make, tls_server: LoopbackServer, authority_file: Path) -> None:
        """An authority in `ca_file` is trusted, and TLS connections are reused."""
        tls_server.answer = lambda request: reply(200, request.body, **KEEP_ALIVE)
        transport = make(ca_file=authority_file)

        for body in (b"one", bytes(range(256)) * 4000):
            assert fetch(transport, call(tls_server.url, body=body)).body == body
        assert self.was_reused(tls_server, 1)

    def test_ca_file_from_the_environment_is_trusted(
        self, make: Make, tls_server: LoopbackServer, authority_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An authority in `SSL_CERT_FILE` is trusted, unless `trust_env` is off."""
        tls_server.play(reply(200, "trusted"))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority_file))

        assert fetch(make(), call(tls_server.url)).body == b"trusted"
        with pytest.raises(ConnectionFailedError, match="not trusted"):
            fetch(make(trust_env=False), call(tls_server.url))

    def test_untrusted_server_is_rejected(self, make: Make, tls_server: LoopbackServer) -> None:
        """Nothing is sent to an untrusted server; the hint names `ca_file`, and the error is not retryable."""
        with pytest.raises(ConnectionFailedError, match=r"is not trusted: .*verify failed") as caught:
            fetch(make(), call(tls_server.url))

        assert "ca_file" in (caught.value.hint or "")
        assert "SSL_CERT_FILE" in (caught.value.hint or "")
        assert not caught.value.retryable
        assert tls_server.requests == []

    def test_certificate_of_another_host_is_rejected(
        self, make: Make, authority: trustme.CA, authority_file: Path
    ) -> None:
        """A certificate for another host is rejected, and nothing is sent."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("vendor.example").configure_cert(context)
        with LoopbackServer(context) as server:
            with pytest.raises(ConnectionFailedError, match=r"is not trusted: .*(mismatch|not valid for)") as caught:
                fetch(make(ca_file=authority_file), call(server.url))

            assert not caught.value.retryable
            assert server.requests == []

    def test_verification_can_be_disabled(self, make: Make, tls_server: LoopbackServer) -> None:
        """`verify=False` accepts any certificate."""
        tls_server.play(reply(200, "unverified"))

        assert fetch(make(verify=False), call(tls_server.url)).body == b"unverified"

    def test_client_certificate_is_sent(
        self, make: Make, strict_server: LoopbackServer, authority: trustme.CA, authority_file: Path
    ) -> None:
        """Certificate and key are read from `client_certificate` and `client_key`, or both from one file."""
        strict_server.play(reply(200, "welcome"), times=2)
        mine = authority.issue_cert("me@example.org")
        both, certificate, key = (authority_file.with_name(name) for name in ("both.pem", "mine.pem", "mine.key"))
        mine.private_key_and_cert_chain_pem.write_to_path(both)
        mine.cert_chain_pems[0].write_to_path(certificate)
        mine.private_key_pem.write_to_path(key)

        for settings in ({"client_certificate": both}, {"client_certificate": certificate, "client_key": key}):
            assert fetch(make(ca_file=authority_file, **settings), call(strict_server.url)).body == b"welcome"

    def test_missing_client_certificate_is_reported(
        self, make: Make, strict_server: LoopbackServer, authority_file: Path
    ) -> None:
        """If the server requires a client certificate, the error is not retryable and hints at `client_certificate`."""
        with pytest.raises(ConnectionFailedError) as caught:
            fetch(make(ca_file=authority_file), call(strict_server.url))

        assert "client_certificate" in (caught.value.hint or "")
        assert not caught.value.retryable
        assert strict_server.requests == []

    @pytest.mark.parametrize("setting", ["ca_file", "client_certificate"])
    @pytest.mark.parametrize("content", [None, "nonsense"])
    def test_unreadable_certificate_files_are_named(
        self, make: Make, tls_server: LoopbackServer, files: Path, setting: str, content: str | None
    ) -> None:
        """A certificate file that cannot be read raises an error that names the setting and the file."""
        file = files / "other.pem"
        if content is not None:
            file.write_text(content, "utf-8")

        with pytest.raises(ConfigurationError, match=rf"{setting}.*other\.pem"):
            fetch(make(**{setting: file}), call(tls_server.url))

    def test_connect_timeout_limits_the_handshake(self, make: Make) -> None:
        """`connect_timeout` limits the TLS handshake."""
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RequestTimeoutError) as caught:
            fetch(make(), call(f"https://127.0.0.1:{silent.getsockname()[1]}"), connect=0.1)

        assert caught.value.phase == "connect"

    def test_deadline_limits_the_handshake(self, make: Make) -> None:
        """The deadline limits the TLS handshake, even if `connect_timeout` is longer."""
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RequestTimeoutError) as caught:
            fetch(make(), call(f"https://127.0.0.1:{silent.getsockname()[1]}"), total=0.1)

        assert caught.value.phase == "deadline"

    def test_server_without_tls_is_reported(self, make: Make) -> None:
        """An https URL of a server without TLS raises an error with a hint to check base_url."""
        with socket.create_server(("127.0.0.1", 0)) as plain:
            threading.Thread(target=_reply_without_tls, args=(plain,)).start()
            with pytest.raises(ConnectionFailedError, match="No connection") as caught:
                fetch(make(), call(f"https://127.0.0.1:{plain.getsockname()[1]}"))

        assert "base_url" in (caught.value.hint or "")


def _reply_without_tls(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(reply(400, "This is not TLS."))
