"""TLS: whom a transport trusts, and how it proves who it is."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from budwood.errors import ConfigurationError, ConnectionFailedError, RequestTimeoutError
from budwood_testing.loopback import KEPT, LoopbackServer, reply
from budwood_testing.suites.transport.bench import Make, call, fetch
from budwood_testing.suites.transport.securing import SecureBench

if TYPE_CHECKING:
    import trustme


class Trusting(SecureBench):
    """Servers with certificates, of an authority that exists for one test."""

    @pytest.fixture
    def strict_server(self, server_context: ssl.SSLContext, authority: trustme.CA) -> Iterator[LoopbackServer]:
        """Start a server that wants to know who asks."""
        server_context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(server_context)
        with LoopbackServer(server_context) as server:
            yield server

    def test_authority_of_the_settings_is_trusted(
        self, make: Make, tls_server: LoopbackServer, authority_file: Path
    ) -> None:
        """`ca_file` names it; the connection is used again."""
        tls_server.answer = lambda request: reply(200, request.body, **KEPT)
        transport = make(ca_file=authority_file)

        for body in (b"one", bytes(range(256)) * 4000):
            assert fetch(transport, call(tls_server.url, body=body)).body == body
        assert self.was_reused(tls_server, 1)

    def test_authority_of_the_environment_is_trusted(
        self, make: Make, tls_server: LoopbackServer, authority_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`SSL_CERT_FILE` names it, unless `trust_env` is off."""
        tls_server.play(reply(200, "trusted"))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority_file))

        assert fetch(make(), call(tls_server.url)).body == b"trusted"
        with pytest.raises(ConnectionFailedError, match="not trusted"):
            fetch(make(trust_env=False), call(tls_server.url))

    def test_untrusted_server_is_not_asked(self, make: Make, tls_server: LoopbackServer) -> None:
        """Nothing is sent; the error names the cure, and repeating is no use."""
        with pytest.raises(ConnectionFailedError, match=r"is not trusted: .*verify failed") as caught:
            fetch(make(), call(tls_server.url))

        assert "ca_file" in (caught.value.hint or "")
        assert "SSL_CERT_FILE" in (caught.value.hint or "")
        assert not caught.value.retryable
        assert tls_server.requests == []

    def test_other_name_is_not_trusted(self, make: Make, authority: trustme.CA, authority_file: Path) -> None:
        """A certificate of another host proves nothing."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("vendor.example").configure_cert(context)
        with LoopbackServer(context) as server:
            with pytest.raises(ConnectionFailedError, match=r"is not trusted: .*(mismatch|not valid for)") as caught:
                fetch(make(ca_file=authority_file), call(server.url))

            assert not caught.value.retryable
            assert server.requests == []

    def test_nothing_is_verified_where_that_is_wanted(self, make: Make, tls_server: LoopbackServer) -> None:
        """`verify=False` takes any certificate."""
        tls_server.play(reply(200, "whoever"))

        assert fetch(make(verify=False), call(tls_server.url)).body == b"whoever"

    def test_client_proves_who_it_is(
        self, make: Make, strict_server: LoopbackServer, authority: trustme.CA, authority_file: Path
    ) -> None:
        """`client_certificate` and `client_key` name certificate and key, or one file holds both."""
        strict_server.play(reply(200, "welcome"), times=2)
        mine = authority.issue_cert("me@example.org")
        both, certificate, key = (authority_file.with_name(name) for name in ("both.pem", "mine.pem", "mine.key"))
        mine.private_key_and_cert_chain_pem.write_to_path(both)
        mine.cert_chain_pems[0].write_to_path(certificate)
        mine.private_key_pem.write_to_path(key)

        for named in ({"client_certificate": both}, {"client_certificate": certificate, "client_key": key}):
            assert fetch(make(ca_file=authority_file, **named), call(strict_server.url)).body == b"welcome"

    def test_server_that_wants_to_know_who_asks(
        self, make: Make, strict_server: LoopbackServer, authority_file: Path
    ) -> None:
        """Without a certificate nothing is answered; the error names `client_certificate`, and repeating is no use."""
        with pytest.raises(ConnectionFailedError) as caught:
            fetch(make(ca_file=authority_file), call(strict_server.url))

        assert "client_certificate" in (caught.value.hint or "")
        assert not caught.value.retryable
        assert strict_server.requests == []

    @pytest.mark.parametrize("named", ["ca_file", "client_certificate"])
    @pytest.mark.parametrize("content", [None, "nonsense"])
    def test_files_that_cannot_be_read_are_named(
        self, make: Make, tls_server: LoopbackServer, files: Path, named: str, content: str | None
    ) -> None:
        """The error names the setting and the file."""
        file = files / "other.pem"
        if content is not None:
            file.write_text(content, "utf-8")

        with pytest.raises(ConfigurationError, match=rf"{named}.*other\.pem"):
            fetch(make(**{named: file}), call(tls_server.url))

    def test_handshake_in_time_or_not_at_all(self, make: Make) -> None:
        """A server that never answers the greeting is given up after `connect_timeout`."""
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RequestTimeoutError) as caught:
            fetch(make(), call(f"https://127.0.0.1:{silent.getsockname()[1]}"), connect=0.1)

        assert caught.value.phase == "connect"

    def test_deadline_ends_the_handshake(self, make: Make) -> None:
        """Also where `connect_timeout` is longer."""
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RequestTimeoutError) as caught:
            fetch(make(), call(f"https://127.0.0.1:{silent.getsockname()[1]}"), whole=0.1)

        assert caught.value.phase == "deadline"

    def test_server_without_tls(self, make: Make) -> None:
        """An address that should begin with http:// is no connection, and asks whether `base_url` is right."""
        with socket.create_server(("127.0.0.1", 0)) as plain:
            threading.Thread(target=_answer_plainly, args=(plain,)).start()
            with pytest.raises(ConnectionFailedError, match="No connection") as caught:
                fetch(make(), call(f"https://127.0.0.1:{plain.getsockname()[1]}"))

        assert "base_url" in (caught.value.hint or "")


def _answer_plainly(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(reply(400, "This is no TLS."))
