"""Addresses arrive in the form that HTTP has for them."""

from __future__ import annotations

import base64

import pytest

from budwood.contracts import Transport
from budwood.errors import ConnectionFailedError
from budwood_testing.loopback import LoopbackServer, reply
from budwood_testing.suites.transport.bench import Make, TransportBench, call, fetch, timing


class Addressing(TransportBench):
    """Addresses."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://",
            "ftp://127.0.0.1/x",
            "nonsense",
            "",
            "http://127.0.0.1:99999999/",
            "http://127.0.0.1:x/",
            "http://[::x]/",
            "http://a b/",
            "http:///v1",
            "http://127.0.0.1:80\n/",
        ],
    )
    def test_impossible_address_is_said_at_once(self, transport: Transport, url: str) -> None:
        """An address that cannot be used is an error about base_url, and not tried again."""
        with pytest.raises(ConnectionFailedError, match="cannot be used") as caught:
            transport.open(call(url), timing())

        assert not caught.value.retryable
        assert "base_url" in (caught.value.hint or "")

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ("", "/"),
            ("?q=1", "/?q=1"),
            ("/a b", "/a%20b"),
            ("/ü?q=Grün&r=日本", "/%C3%BC?q=Gr%C3%BCn&r=%E6%97%A5%E6%9C%AC"),
            ("/%C3%BC/%2F?q=%20+", "/%C3%BC/%2F?q=%20+"),
            ("/a;b=c,d/@:!$&'()*~", "/a;b=c,d/@:!$&'()*~"),
            ("//double//", "//double//"),
            ("/x#fragment", "/x"),
            ("/a/../b/./c", "/a/../b/./c"),
        ],
    )
    def test_path_and_query_are_encoded_once(
        self, transport: Transport, server: LoopbackServer, given: str, sent: str
    ) -> None:
        """Blanks and letters beyond ASCII are percent-encoded in UTF-8; what is encoded stays as it is."""
        server.play(reply())

        fetch(transport, call(f"http://127.0.0.1:{server.port}{given}"))

        assert server.requests[0].line == f"GET {sent} HTTP/1.1"

    def test_host_beyond_ascii(self, make: Make, server: LoopbackServer) -> None:
        """A name with an umlaut is sent as IDNA has it; the proxy here is to show what was sent."""
        if not self.proxies:
            pytest.skip(f"{self.plugin} does not claim to know proxies")
        server.play(reply())

        fetch(make(proxy=server.url), call("http://bücher.invalid/v1"))

        assert server.requests[0].line == "GET http://xn--bcher-kva.invalid/v1 HTTP/1.1"
        assert server.requests[0].headers["host"] == "xn--bcher-kva.invalid"

    @pytest.mark.parametrize(
        ("before", "meant"), [("me:hush", "me:hush"), ("me%40x:h%3Au", "me@x:h:u"), ("me", "me:"), (":key", ":key")]
    )
    def test_user_and_password_become_basic_authorization(
        self, transport: Transport, server: LoopbackServer, before: str, meant: str
    ) -> None:
        """The part before the @ of an address is sent as a header, and not in the line of the request."""
        server.play(reply())

        fetch(transport, call(f"http://{before}@127.0.0.1:{server.port}/v1"))

        sent = server.requests[0]
        assert sent.line == "GET /v1 HTTP/1.1"
        assert sent.headers["host"] == f"127.0.0.1:{server.port}"
        kind, _, packed = sent.headers["authorization"].partition(" ")
        assert (kind, base64.b64decode(packed).decode()) == ("Basic", meant)
