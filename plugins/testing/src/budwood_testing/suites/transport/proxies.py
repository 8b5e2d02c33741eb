"""Tests of proxies: which calls use one, and what it receives."""

from __future__ import annotations

import base64

import pytest

from budwood.errors import ConfigurationError, ConnectionFailedError, RequestTimeoutError
from budwood_testing.loopback import WAIT_FOR_CLOSE, LoopbackServer, reply
from budwood_testing.suites.transport.bench import Make, TransportTestBase, call, fetch, timing

_ELSEWHERE = "http://vendor.invalid/v1"


class ProxyTests(TransportTestBase):
    """Calls go through proxies as configured. The loopback server acts as the proxy, and answers itself."""

    @pytest.fixture(autouse=True)
    def _claimed(self, request: pytest.FixtureRequest) -> None:
        if not self.proxies and request.function.__name__ in vars(ProxyTests):
            pytest.skip(f"{self.plugin} does not set `proxies`")

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
    def test_proxy_from_the_environment_is_used(
        self, make: Make, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        """A call uses the proxy of the environment, given with or without a scheme."""
        server.play(reply(200, "from the proxy"), times=2)
        for address in (server.url, f"127.0.0.1:{server.port}"):
            monkeypatch.setenv(variable, address)
            assert fetch(make(), call(_ELSEWHERE)).body == b"from the proxy"

        assert server.requests[0].line == f"GET {_ELSEWHERE} HTTP/1.1"
        assert server.requests[0].headers["host"] == "vendor.invalid"
        assert "proxy-authorization" not in server.requests[0].headers

    def test_proxy_setting_takes_precedence(
        self, make: Make, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The setting `proxy` overrides the environment, including NO_PROXY."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "*")
        server.play(reply(200, "from the proxy"))

        assert fetch(make(proxy=server.url), call(_ELSEWHERE)).body == b"from the proxy"

    def test_no_proxy_excludes_hosts(self, make: Make, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Calls to hosts in NO_PROXY, and all calls with `trust_env=False`, do not use the proxy of the environment."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        server.play(reply(200, "direct"), times=2)

        monkeypatch.setenv("NO_PROXY", "vendor.invalid,127.0.0.1")
        assert fetch(make(), call(server.url)).body == b"direct"
        monkeypatch.setenv("NO_PROXY", "vendor.invalid")
        assert fetch(make(trust_env=False), call(server.url)).body == b"direct"
        with pytest.raises(ConnectionFailedError):
            fetch(make(), call(server.url))

    def test_proxy_credentials_are_sent_to_the_proxy(self, make: Make, server: LoopbackServer) -> None:
        """Credentials in the proxy URL are sent to the proxy; the authorization header for the server is unchanged."""
        server.play(reply())

        fetch(
            make(proxy=f"http://me%40x:hu%3Ash@127.0.0.1:{server.port}"), call(_ELSEWHERE, authorization="Bearer key")
        )

        headers = server.requests[0].headers
        assert base64.b64decode(headers["proxy-authorization"].removeprefix("Basic ")) == b"me@x:hu:sh"
        assert headers["authorization"] == "Bearer key"

    def test_proxy_rejects_a_tunnel(self, make: Make, server: LoopbackServer) -> None:
        """A rejected tunnel raises an error that names the proxy, not its password, and is not retryable."""
        server.play(reply(407, proxy_authenticate="Basic"))

        with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{server.port}.*407") as caught:
            fetch(make(proxy=f"http://me:hush@127.0.0.1:{server.port}"), call("https://vendor.invalid/v1"))

        assert "proxy" in (caught.value.hint or "")
        assert "password" in (caught.value.hint or "")
        assert "hush" not in str(caught.value)
        assert not caught.value.retryable
        assert server.requests[0].line == "CONNECT vendor.invalid:443 HTTP/1.1"

    def test_proxy_rejects_a_plain_request(self, make: Make, server: LoopbackServer) -> None:
        """Status 407 of a proxy is an error; without a proxy it is a reply."""
        server.play(reply(407), times=2)

        with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{server.port} refused .*407") as caught:
            fetch(make(proxy=server.url), call(_ELSEWHERE))
        assert not caught.value.retryable

        assert fetch(make(), call(server.url)).head.status == 407

    def test_connect_timeout_limits_the_tunnel(self, make: Make, server: LoopbackServer) -> None:
        """`connect_timeout` limits the time until the proxy opens the tunnel."""
        server.play(WAIT_FOR_CLOSE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(make(proxy=server.url), call("https://vendor.invalid/v1"), connect=0.1)

        assert caught.value.phase == "connect"

    def test_key_is_not_sent_to_the_proxy_of_a_tunnel(self, make: Make, server: LoopbackServer) -> None:
        """Headers for the server are sent only through the tunnel."""
        server.play(reply(403))

        with pytest.raises(ConnectionFailedError):
            fetch(make(proxy=server.url), call("https://vendor.invalid/v1", authorization="Bearer key"))

        assert "authorization" not in server.requests[0].headers

    def test_unreachable_proxy_is_named(self, make: Make) -> None:
        """An unreachable proxy raises an error that names the proxy, not its password."""
        with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:1\b") as caught:
            fetch(make(proxy="http://me:hush@127.0.0.1:1"), call(_ELSEWHERE))

        assert "proxy" in str(caught.value)
        assert "hush" not in str(caught.value)

    def test_deadline_applies_through_a_proxy(self, make: Make, server: LoopbackServer) -> None:
        """The deadline ends a slow reply that comes through a proxy."""
        server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", server.drip(b"a"), b"\r\n\r\n")

        with pytest.raises(RequestTimeoutError) as caught:
            make(proxy=server.url).open(call(_ELSEWHERE), timing(total=0.1))

        assert caught.value.phase == "deadline"

    @pytest.mark.parametrize("address", ["ftp://me:hush@proxy", "http://me:hush@proxy:port", "http://", "nonsense"])
    def test_invalid_proxy_is_reported(self, make: Make, address: str) -> None:
        """An invalid proxy URL raises ConfigurationError when the transport is created, without the password."""
        with pytest.raises(ConfigurationError, match="proxy") as caught:
            make(proxy=address)

        assert "hush" not in str(caught.value)
