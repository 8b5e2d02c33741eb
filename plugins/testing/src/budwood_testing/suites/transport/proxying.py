"""Proxies: which calls go through one, and what it is told."""

from __future__ import annotations

import base64

import pytest

from budwood.errors import ConfigurationError, ConnectionFailedError, RequestTimeoutError
from budwood_testing.loopback import LEAVE, LoopbackServer, reply
from budwood_testing.suites.transport.bench import Make, TransportBench, call, fetch, timing

_ELSEWHERE = "http://vendor.invalid/v1"


class Proxying(TransportBench):
    """The server on loopback is the proxy here, and answers itself."""

    @pytest.fixture(autouse=True)
    def _claimed(self, request: pytest.FixtureRequest) -> None:
        if not self.proxies and request.function.__name__ in vars(Proxying):
            pytest.skip(f"{self.plugin} does not claim to know proxies")

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
    def test_proxy_of_the_environment_is_used(
        self, make: Make, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        """A call goes to the proxy that the environment names, its scheme left out or not."""
        server.play(reply(200, "by proxy"), times=2)
        for address in (server.url, f"127.0.0.1:{server.port}"):
            monkeypatch.setenv(variable, address)
            assert fetch(make(), call(_ELSEWHERE)).body == b"by proxy"

        assert server.requests[0].line == f"GET {_ELSEWHERE} HTTP/1.1"
        assert server.requests[0].headers["host"] == "vendor.invalid"
        assert "proxy-authorization" not in server.requests[0].headers

    def test_proxy_of_the_settings_goes_first(
        self, make: Make, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`proxy` wins over the environment, and takes all calls, whatever NO_PROXY says."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "*")
        server.play(reply(200, "by proxy"))

        assert fetch(make(proxy=server.url), call(_ELSEWHERE)).body == b"by proxy"

    def test_no_proxy_stands_before_some_hosts(
        self, make: Make, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A call to a host of NO_PROXY goes straight, and so do all without `trust_env`."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        server.play(reply(200, "straight"), times=2)

        monkeypatch.setenv("NO_PROXY", "vendor.invalid,127.0.0.1")
        assert fetch(make(), call(server.url)).body == b"straight"
        monkeypatch.setenv("NO_PROXY", "vendor.invalid")
        assert fetch(make(trust_env=False), call(server.url)).body == b"straight"
        with pytest.raises(ConnectionFailedError):
            fetch(make(), call(server.url))

    def test_proxy_is_told_user_and_password(self, make: Make, server: LoopbackServer) -> None:
        """They are for the proxy alone; what the server is told stays."""
        server.play(reply())

        fetch(
            make(proxy=f"http://me%40x:hu%3Ash@127.0.0.1:{server.port}"), call(_ELSEWHERE, authorization="Bearer key")
        )

        told = server.requests[0].headers
        assert base64.b64decode(told["proxy-authorization"].removeprefix("Basic ")) == b"me@x:hu:sh"
        assert told["authorization"] == "Bearer key"

    def test_proxy_that_refuses_a_tunnel(self, make: Make, server: LoopbackServer) -> None:
        """The error names the proxy and what named it, without the password; repeating is no use."""
        server.play(reply(407, proxy_authenticate="Basic"))

        with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{server.port}.*407") as caught:
            fetch(make(proxy=f"http://me:hush@127.0.0.1:{server.port}"), call("https://vendor.invalid/v1"))

        assert "proxy" in (caught.value.hint or "")
        assert "password" in (caught.value.hint or "")
        assert "hush" not in str(caught.value)
        assert not caught.value.retryable
        assert server.requests[0].line == "CONNECT vendor.invalid:443 HTTP/1.1"

    def test_proxy_that_refuses_to_forward(self, make: Make, server: LoopbackServer) -> None:
        """Its reply is not taken for the server's; but without a proxy, status 407 is a reply like any other."""
        server.play(reply(407), times=2)

        with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{server.port} refuses .*407") as caught:
            fetch(make(proxy=server.url), call(_ELSEWHERE))
        assert not caught.value.retryable

        assert fetch(make(), call(server.url)).head.status == 407

    def test_tunnel_in_time_or_not_at_all(self, make: Make, server: LoopbackServer) -> None:
        """A proxy that does not say whether it reaches the server is given up after `connect_timeout`."""
        server.play(LEAVE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(make(proxy=server.url), call("https://vendor.invalid/v1"), connect=0.1)

        assert caught.value.phase == "connect"

    def test_key_is_not_told_to_the_proxy_of_a_tunnel(self, make: Make, server: LoopbackServer) -> None:
        """What is meant for the server goes through the tunnel alone."""
        server.play(reply(403))

        with pytest.raises(ConnectionFailedError):
            fetch(make(proxy=server.url), call("https://vendor.invalid/v1", authorization="Bearer key"))

        assert "authorization" not in server.requests[0].headers

    def test_proxy_that_is_not_there(self, make: Make) -> None:
        """The error names the proxy and where it was set, so that the fault is not sought at the server."""
        with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:1\b") as caught:
            fetch(make(proxy="http://me:hush@127.0.0.1:1"), call(_ELSEWHERE))

        assert "proxy" in str(caught.value)
        assert "hush" not in str(caught.value)

    def test_deadline_holds_behind_a_proxy(self, make: Make, server: LoopbackServer) -> None:
        """A slow drip through a proxy ends at the deadline too."""
        server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", server.drip(b"a"), b"\r\n\r\n")

        with pytest.raises(RequestTimeoutError) as caught:
            make(proxy=server.url).open(call(_ELSEWHERE), timing(whole=0.1))

        assert caught.value.phase == "deadline"

    @pytest.mark.parametrize("address", ["ftp://me:hush@proxy", "http://me:hush@proxy:port", "http://", "nonsense"])
    def test_proxy_that_cannot_be_used_is_said(self, make: Make, address: str) -> None:
        """Before anything is sent, and without the password in it."""
        with pytest.raises(ConfigurationError, match="proxy") as caught:
            make(proxy=address)

        assert "hush" not in str(caught.value)
