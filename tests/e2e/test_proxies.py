"""Each transport through independent proxies: proxy.py, and pproxy for SOCKS."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time

import pytest

from budwood import AsyncClient
from budwood.contracts import AsyncTransport, Transport
from budwood.errors import ConnectionFailedError, RequestTimeoutError, UnsupportedError
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood_testing.suites.transport.bench import call, fetch
from budwood_testing.suites.transport.cancellation import check_cancelling
from budwood_testing.suites.transport.tls import TLSBench, certified
from tests.ports import find_port
from tests.servers import KEEP_ALIVE, MAX_WAIT, reply

WITHOUT_UVLOOP = """
import asyncio, sys
sys.modules["uvloop"] = None  # pproxy uses uvloop if it is installed, and fails with it
asyncio.set_event_loop(asyncio.new_event_loop())
from pproxy.server import main
main(sys.argv[1:])
"""
PROGRAMS = {
    "proxy": ("-m", "proxy"),
    "pproxy": ("-c", WITHOUT_UVLOOP),
}
LARGE = bytes(range(256)) * 8000


@contextlib.contextmanager
def start_proxy(module: str, *options: str, port: int):
    """
    Start a proxy in a process of its own, and wait until it listens.
    """
    command = [sys.executable, "-W", "ignore", *PROGRAMS[module], *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + MAX_WAIT
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None, f"{module} exited"
                    assert time.monotonic() < deadline, f"{module} does not listen"
                    time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def require_module(module: str, package: str) -> None:
    """
    Skip the test if a proxy is not installed; in CI, fail it.
    """
    if importlib.util.find_spec(module) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{package} is not installed")
        pytest.skip(f"{package} is not installed: pip install {package}")


def start_proxy_py(*options: str):
    """
    Start proxy.py.
    """
    require_module("proxy", "proxy.py")
    port = find_port()
    base_options = ("--hostname", "127.0.0.1", "--port", str(port), "--num-workers", "1", "--num-acceptors", "1")
    return start_proxy("proxy", *base_options, *options, port=port)


def start_pproxy(*, user: str = ""):
    """
    Start a SOCKS proxy.
    """
    require_module("pproxy", "pproxy")
    port = find_port()
    return start_proxy("pproxy", "-l", f"socks5://127.0.0.1:{port}{user and '#' + user}", port=port)


@pytest.fixture(scope="module")
def open_proxy():
    """
    A proxy without authentication.
    """
    with start_proxy_py() as address:
        yield address


@pytest.fixture(scope="module")
def guarded_proxy():
    """
    A proxy that requires user and password.
    """
    with start_proxy_py("--basic-auth", "me:hu:sh") as address:
        yield address


@pytest.fixture(scope="module")
def tls_proxy(tmp_path_factory):
    """
    A proxy that is reached over TLS.
    """
    folder = tmp_path_factory.mktemp("proxy")
    certificate = certified("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    certificate_options = ("--cert-file", str(folder / "certificate.pem"), "--key-file", str(folder / "key.pem"))
    with start_proxy_py(*certificate_options) as address:
        yield address


@pytest.fixture(scope="module")
def socks_proxy():
    """
    A SOCKS proxy without authentication.
    """
    with start_pproxy() as address:
        yield address


@pytest.fixture
def guarded_socks_proxy():
    """
    A SOCKS proxy that requires user and password. After the first login, it accepts all connections of this machine.
    """
    with start_pproxy(user="me:hush") as address:
        yield address


def check_echo(transport: Transport, server) -> None:
    """
    Check that small and large bodies are sent and returned unchanged, over one connection.
    """
    server.answer = lambda request: reply(200, request.body, **KEEP_ALIVE)
    for body in (b"small", LARGE, b"again"):
        assert fetch(transport, call(server.url, body=body, authorization="Bearer key")).body == body
    assert server.accepted == 1
    assert all(request.headers["authorization"] == "Bearer key" for request in server.requests)
    if server.url.startswith("https:"):  # proxy.py forwards the header to servers without TLS
        assert not any("proxy-authorization" in request.headers for request in server.requests)


class ProxyBench(TLSBench):
    """
    Tests that all transports pass.
    """

    @pytest.fixture
    def both_servers(self, server, tls_server):
        """
        A server without TLS, and one with it.
        """
        return server, tls_server

    def test_plain_calls_are_forwarded(self, make, server, open_proxy):
        """
        A proxy forwards requests to a server without TLS, and adds a header.
        """
        check_echo(make(proxy=f"http://{open_proxy}"), server)

        assert "proxy.py" in server.requests[0].headers["via"]

    def test_secure_calls_go_through_a_tunnel(self, make, tls_server, authority_file, open_proxy):
        """
        The proxy opens a tunnel to a server with TLS, and cannot change its requests.
        """
        check_echo(make(proxy=f"http://{open_proxy}", ca_file=authority_file), tls_server)

        assert "via" not in tls_server.requests[0].headers

    def test_the_server_behind_a_tunnel_must_be_trusted(self, make, tls_server, open_proxy):
        """
        The certificate of the server is verified through a tunnel too.
        """
        with pytest.raises(ConnectionFailedError, match="is not trusted"):
            fetch(make(proxy=f"http://{open_proxy}"), call(tls_server.url))

        assert tls_server.requests == []

    def test_user_and_password_are_sent_to_the_proxy(self, make, server, tls_server, authority_file, guarded_proxy):
        """
        Forwarded requests and tunnels succeed with them.
        """
        transport = make(proxy=f"http://me:hu%3Ash@{guarded_proxy}", ca_file=authority_file)

        check_echo(transport, server)
        check_echo(transport, tls_server)

    @pytest.mark.parametrize("credentials", ["", "me:wrong@"])
    @pytest.mark.parametrize("secure", [False, True])
    def test_wrong_credentials_are_an_error(self, make, both_servers, guarded_proxy, credentials, secure):
        """
        The error names the proxy and does not contain the password, and the request is not retried.
        """
        target = both_servers[secure]

        with pytest.raises(ConnectionFailedError, match=f"http://{guarded_proxy} refused .*407") as caught:
            fetch(make(proxy=f"http://{credentials}{guarded_proxy}"), call(target.url))

        assert "user and password" in caught.value.hint
        assert "wrong" not in str(caught.value)
        assert not caught.value.retryable
        assert target.requests == []

    def test_a_rejection_frees_its_connection_slot(self, make, server, guarded_proxy):
        """
        A connection that the proxy rejects does not count toward `max_connections`.
        """
        transport = make(proxy=f"http://{guarded_proxy}", max_connections=1)

        for _ in range(3):
            with pytest.raises(ConnectionFailedError, match="407"):
                fetch(transport, call(server.url), total=MAX_WAIT)

    def test_an_unreachable_target_is_an_error(self, make, open_proxy):
        """
        A tunnel to an unused port raises an error of Budwood.
        """
        with pytest.raises((ConnectionFailedError, RequestTimeoutError)):
            fetch(make(proxy=f"http://{open_proxy}"), call(f"https://127.0.0.1:{find_port()}"), total=MAX_WAIT)

    def test_proxies_of_the_environment(self, make, both_servers, authority_file, open_proxy, monkeypatch):
        """
        HTTPS_PROXY, HTTP_PROXY and NO_PROXY select the proxy of each call.
        """
        server, tls_server = both_servers
        server.play(reply(), times=2)
        tls_server.play(reply())
        monkeypatch.setenv("HTTP_PROXY", f"http://{open_proxy}")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        transport = make(ca_file=authority_file)

        fetch(transport, call(server.url))
        with pytest.raises(ConnectionFailedError, match="HTTPS_PROXY"):
            fetch(transport, call(tls_server.url))
        monkeypatch.setenv("NO_PROXY", "localhost, 127.0.0.1")
        transport = make(ca_file=authority_file)
        fetch(transport, call(server.url))
        fetch(transport, call(tls_server.url))

        assert ["via" in request.headers for request in server.requests] == [True, False]

    def test_a_proxy_with_tls(self, make, server, tls_server, authority_file, tls_proxy):
        """
        A proxy with TLS forwards requests and opens tunnels: TLS within TLS.
        """
        transport = make(proxy=f"https://{tls_proxy}", ca_file=authority_file)

        check_echo(transport, server)
        check_echo(transport, tls_server)

    @pytest.mark.parametrize("secure", [False, True])
    def test_a_proxy_with_tls_must_be_trusted(self, make, server, tls_server, tls_proxy, secure):
        """
        If the certificate of the proxy is not trusted, no request is sent.
        """
        target = tls_server if secure else server

        with pytest.raises(ConnectionFailedError, match="is not trusted") as caught:
            fetch(make(proxy=f"https://{tls_proxy}"), call(target.url))

        assert not caught.value.retryable

    def test_cancelling_at_any_step_of_a_tunnel(self, make_async, tls_server, authority_file, open_proxy):
        """
        A call that is cancelled at any step releases its connection.
        """
        check_cancelling(make_async, tls_server, ca_file=authority_file, proxy=f"http://{open_proxy}")

    def test_cancelling_at_any_step_of_tls_within_tls(self, make_async, tls_server, authority_file, tls_proxy):
        """
        A call that is cancelled at any step releases its connection.
        """
        check_cancelling(make_async, tls_server, ca_file=authority_file, proxy=f"https://{tls_proxy}")


class TestDefault(ProxyBench):
    plugin = "default"

    @pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
    def test_socks(self, make, both_servers, authority_file, socks_proxy, scheme):
        """
        Calls to servers with and without TLS are sent through the SOCKS proxy.
        """
        transport = make(proxy=f"{scheme}://{socks_proxy}", ca_file=authority_file)

        for each in both_servers:
            check_echo(transport, each)

    def test_socks_with_user_and_password(self, make, server, tls_server, authority_file, guarded_socks_proxy):
        """
        Calls succeed with them.
        """
        transport = make(proxy=f"socks5://me:hush@{guarded_socks_proxy}", ca_file=authority_file)

        check_echo(transport, server)
        check_echo(transport, tls_server)

    @pytest.mark.parametrize("credentials", ["", "me:wrong@"])
    def test_socks_with_wrong_credentials(self, make, server, guarded_socks_proxy, credentials):
        """
        The error names the proxy and does not contain the password, and the request is not retried.
        """
        with pytest.raises(ConnectionFailedError, match=f"socks5://{guarded_socks_proxy} refused") as caught:
            fetch(make(proxy=f"socks5://{credentials}{guarded_socks_proxy}"), call(server.url))

        assert "wrong" not in str(caught.value)
        assert not caught.value.retryable

    def test_cancelling_at_any_step_of_socks(self, make_async, tls_server, authority_file, socks_proxy):
        """
        A call that is cancelled at any step releases its connection.
        """
        check_cancelling(make_async, tls_server, ca_file=authority_file, proxy=f"socks5://{socks_proxy}")


class TestAiohttp(ProxyBench):
    plugin = "aiohttp"
    blocking = False

    def test_socks_is_unsupported(self, make, socks_proxy):
        """
        The error names a transport that supports it.
        """
        with pytest.raises(UnsupportedError, match=r"SOCKS.*default"):
            make(proxy=f"socks5://{socks_proxy}")


def test_auto_uses_a_transport_that_supports_the_proxy(loopback_server, socks_proxy, monkeypatch):
    """
    With a SOCKS proxy in the environment, the default transport sends the requests of async clients.
    """
    monkeypatch.setenv("ALL_PROXY", f"socks5://{socks_proxy}")

    async def choose_transport() -> AsyncTransport:
        async with AsyncClient(settings={}) as client:
            return client._get_transport()

    assert isinstance(asyncio.run(choose_transport()), AsyncPooledTransport)
