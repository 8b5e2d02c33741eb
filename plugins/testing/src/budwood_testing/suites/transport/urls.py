"""Tests of URLs: validation, encoding and credentials."""

from __future__ import annotations

import base64

import pytest

from budwood.contracts import Transport
from budwood.errors import ConnectionFailedError
from budwood_testing.loopback import LoopbackServer, reply
from budwood_testing.suites.transport.bench import Make, TransportTestBase, call, fetch, timing


class URLTests(TransportTestBase):
    """URLs are validated and encoded as HTTP requires."""

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
    def test_invalid_url_is_reported_immediately(self, transport: Transport, url: str) -> None:
        """An invalid URL raises an error whose hint names base_url, and which is not retryable."""
        with pytest.raises(ConnectionFailedError, match="is invalid") as caught:
            transport.open(call(url), timing())

        assert not caught.value.retryable
        assert "base_url" in (caught.value.hint or "")

    @pytest.mark.parametrize(
        ("suffix", "target"),
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
        self, transport: Transport, server: LoopbackServer, suffix: str, target: str
    ) -> None:
        """Spaces and non-ASCII characters are percent-encoded as UTF-8; encoded characters are not encoded twice."""
        server.play(reply())

        fetch(transport, call(f"http://127.0.0.1:{server.port}{suffix}"))

        assert server.requests[0].line == f"GET {target} HTTP/1.1"

    def test_international_host_is_sent_as_idna(self, make: Make, server: LoopbackServer) -> None:
        """A host with non-ASCII characters is sent in its IDNA form; the test reads it from a request to a proxy."""
        if not self.proxies:
            pytest.skip(f"{self.plugin} does not set `proxies`")
        server.play(reply())

        fetch(make(proxy=server.url), call("http://bücher.invalid/v1"))

        assert server.requests[0].line == "GET http://xn--bcher-kva.invalid/v1 HTTP/1.1"
        assert server.requests[0].headers["host"] == "xn--bcher-kva.invalid"

    @pytest.mark.parametrize(
        ("userinfo", "expected"),
        [("me:hush", "me:hush"), ("me%40x:h%3Au", "me@x:h:u"), ("me", "me:"), (":key", ":key")],
    )
    def test_user_and_password_become_basic_authorization(
        self, transport: Transport, server: LoopbackServer, userinfo: str, expected: str
    ) -> None:
        """User and password in a URL are sent as an authorization header, not in the request line."""
        server.play(reply())

        fetch(transport, call(f"http://{userinfo}@127.0.0.1:{server.port}/v1"))

        sent = server.requests[0]
        assert sent.line == "GET /v1 HTTP/1.1"
        assert sent.headers["host"] == f"127.0.0.1:{server.port}"
        kind, _, encoded = sent.headers["authorization"].partition(" ")
        assert (kind, base64.b64decode(encoded).decode()) == ("Basic", expected)
