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
from tests.servers import KEEP_ALIVE, MAX_WAIT, reply

WITHOUT_UVLOOP = """
import asyncio, sys
sys.modules["uvloop"] = None  # it takes that where it is installed, and stumbles over it
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
def started(module: str, *options: str, port: int):
    """
    Start a proxy in a process of its own, and wait until it listens.
    """
    command = [sys.executable, "-W", "ignore", *PROGRAMS[module], *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + MAX_WAIT
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None, f"{module} has ended"
                    assert time.monotonic() < end, f"{module} does not listen"
                    time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def need(module: str, package: str) -> None:
    """
    Skip where a proxy is not installed; in CI fail.
    """
    if importlib.util.find_spec(module) is None:
        if os.environ.get("CI"):
            pytest.fail(f"there is no {package}")
        pytest.skip(f"it needs {package}: pip install {package}")


def free_port() -> int:
    """
    Find an unused port.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def proxy_py(*options: str):
    """
    Start proxy.py.
    """
    need("proxy", "proxy.py")
    port = free_port()
    few = ("--hostname", "127.0.0.1", "--port", str(port), "--num-workers", "1", "--num-acceptors", "1")
    return started("proxy", *few, *options, port=port)


def pproxy(*, user: str = ""):
    """
    Start a SOCKS proxy.
    """
    need("pproxy", "pproxy")
    port = free_port()
    return started("pproxy", "-l", f"socks5://127.0.0.1:{port}{user and '#' + user}", port=port)


@pytest.fixture(scope="module")
def open_proxy():
    """
    A proxy that anybody may use.
    """
    with proxy_py() as place:
        yield place


@pytest.fixture(scope="module")
def guarded_proxy():
    """
    A proxy that requires user and password.
    """
    with proxy_py("--basic-auth", "me:hu:sh") as place:
        yield place


@pytest.fixture(scope="module")
def tls_proxy(tmp_path_factory):
    """
    A proxy that is spoken to by TLS.
    """
    folder = tmp_path_factory.mktemp("proxy")
    certificate = certified("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    named = ("--cert-file", str(folder / "certificate.pem"), "--key-file", str(folder / "key.pem"))
    with proxy_py(*named) as place:
        yield place


@pytest.fixture(scope="module")
def socks_proxy():
    """
    A SOCKS proxy that anybody may use.
    """
    with pproxy() as place:
        yield place


@pytest.fixture
def guarded_socks_proxy():
    """
    A SOCKS proxy that requires user and password. After the first login, it accepts the machine.
    """
    with pproxy(user="me:hush") as place:
        yield place


def echoes(transport: Transport, server) -> None:
    """
    See that small and large bodies go both ways, over one connection.
    """
    server.answer = lambda request: reply(200, request.body, **KEEP_ALIVE)
    for body in (b"small", LARGE, b"again"):
        assert fetch(transport, call(server.url, body=body, authorization="Bearer key")).body == body
    assert server.accepted == 1
    assert all(sent.headers["authorization"] == "Bearer key" for sent in server.requests)
    if server.url.startswith("https:"):  # proxy.py hands it on to servers without TLS
        assert not any("proxy-authorization" in sent.headers for sent in server.requests)


class Proxied(TLSBench):
    """
    What is the same for all transports.
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
        echoes(make(proxy=f"http://{open_proxy}"), server)

        assert "proxy.py" in server.requests[0].headers["via"]

    def test_secure_calls_go_through_a_tunnel(self, make, tls_server, authority_file, open_proxy):
        """
        A proxy makes a tunnel to a server with TLS, in which it sees nothing.
        """
        echoes(make(proxy=f"http://{open_proxy}", ca_file=authority_file), tls_server)

        assert "via" not in tls_server.requests[0].headers

    def test_the_server_behind_a_tunnel_must_be_trusted(self, make, tls_server, open_proxy):
        """
        A tunnel changes nothing about whom to trust.
        """
        with pytest.raises(ConnectionFailedError, match="is not trusted"):
            fetch(make(proxy=f"http://{open_proxy}"), call(tls_server.url))

        assert tls_server.requests == []

    def test_a_proxy_learns_user_and_password(self, make, server, tls_server, authority_file, guarded_proxy):
        """
        With them calls go through, forwarded and by tunnel.
        """
        transport = make(proxy=f"http://me:hu%3Ash@{guarded_proxy}", ca_file=authority_file)

        echoes(transport, server)
        echoes(transport, tls_server)

    @pytest.mark.parametrize("before", ["", "me:wrong@"])
    @pytest.mark.parametrize("secure", [False, True])
    def test_a_proxy_that_does_not_know_us(self, make, both_servers, guarded_proxy, before, secure):
        """
        The error names the proxy and what named it, shows no password, and is not tried again.
        """
        asked = both_servers[secure]

        with pytest.raises(ConnectionFailedError, match=f"http://{guarded_proxy} refused .*407") as caught:
            fetch(make(proxy=f"http://{before}{guarded_proxy}"), call(asked.url))

        assert "user and password" in caught.value.hint
        assert "wrong" not in str(caught.value)
        assert not caught.value.retryable
        assert asked.requests == []

    def test_a_place_is_free_again_after_a_refusal(self, make, server, guarded_proxy):
        """
        A proxy's refusal holds no place.
        """
        transport = make(proxy=f"http://{guarded_proxy}", max_connections=1)

        for _ in range(3):
            with pytest.raises(ConnectionFailedError, match="407"):
                fetch(transport, call(server.url), total=MAX_WAIT)

    def test_a_proxy_that_reaches_nobody(self, make, open_proxy):
        """
        A tunnel to an unused port raises an error of Budwood.
        """
        with pytest.raises((ConnectionFailedError, RequestTimeoutError)):
            fetch(make(proxy=f"http://{open_proxy}"), call(f"https://127.0.0.1:{free_port()}"), total=MAX_WAIT)

    def test_proxies_of_the_environment(self, make, both_servers, authority_file, open_proxy, monkeypatch):
        """
        HTTPS_PROXY, HTTP_PROXY and NO_PROXY say which call goes which way.
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

        assert ["via" in sent.headers for sent in server.requests] == [True, False]

    def test_a_proxy_with_tls(self, make, server, tls_server, authority_file, tls_proxy):
        """
        A proxy with a certificate forwards, and makes tunnels: TLS within TLS.
        """
        transport = make(proxy=f"https://{tls_proxy}", ca_file=authority_file)

        echoes(transport, server)
        echoes(transport, tls_server)

    @pytest.mark.parametrize("secure", [False, True])
    def test_a_proxy_with_tls_must_be_trusted(self, make, server, tls_server, tls_proxy, secure):
        """
        Where the proxy cannot prove who it is, nothing is sent.
        """
        asked = tls_server if secure else server

        with pytest.raises(ConnectionFailedError, match="is not trusted") as caught:
            fetch(make(proxy=f"https://{tls_proxy}"), call(asked.url))

        assert not caught.value.retryable

    def test_cancelling_at_any_step_of_a_tunnel(self, make_async, tls_server, authority_file, open_proxy):
        """
        Whatever has to be done first, a call that is cancelled leaves nothing.
        """
        check_cancelling(make_async, tls_server, ca_file=authority_file, proxy=f"http://{open_proxy}")

    def test_cancelling_at_any_step_of_tls_within_tls(self, make_async, tls_server, authority_file, tls_proxy):
        """
        Whatever has to be done first, a call that is cancelled leaves nothing.
        """
        check_cancelling(make_async, tls_server, ca_file=authority_file, proxy=f"https://{tls_proxy}")


class TestDefault(Proxied):
    plugin = "default"

    @pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
    def test_socks(self, make, both_servers, authority_file, socks_proxy, scheme):
        """
        A SOCKS proxy carries calls to servers with and without TLS.
        """
        transport = make(proxy=f"{scheme}://{socks_proxy}", ca_file=authority_file)

        for each in both_servers:
            echoes(transport, each)

    def test_socks_with_user_and_password(self, make, server, tls_server, authority_file, guarded_socks_proxy):
        """
        With them calls go through.
        """
        transport = make(proxy=f"socks5://me:hush@{guarded_socks_proxy}", ca_file=authority_file)

        echoes(transport, server)
        echoes(transport, tls_server)

    @pytest.mark.parametrize("before", ["", "me:wrong@"])
    def test_socks_with_another_password(self, make, server, guarded_socks_proxy, before):
        """
        The error names the proxy, shows no password, and is not tried again.
        """
        with pytest.raises(ConnectionFailedError, match=f"socks5://{guarded_socks_proxy} refused") as caught:
            fetch(make(proxy=f"socks5://{before}{guarded_socks_proxy}"), call(server.url))

        assert "wrong" not in str(caught.value)
        assert not caught.value.retryable

    def test_cancelling_at_any_step_of_socks(self, make_async, tls_server, authority_file, socks_proxy):
        """
        Whatever has to be done first, a call that is cancelled leaves nothing.
        """
        check_cancelling(make_async, tls_server, ca_file=authority_file, proxy=f"socks5://{socks_proxy}")


class TestAiohttp(Proxied):
    plugin = "aiohttp"
    blocking = False

    def test_socks_is_refused(self, make, socks_proxy):
        """
        The error names what can.
        """
        with pytest.raises(UnsupportedError, match=r"SOCKS.*default"):
            make(proxy=f"socks5://{socks_proxy}")


def test_auto_uses_a_transport_that_supports_the_proxy(loopback_server, socks_proxy, monkeypatch):
    """
    With a SOCKS proxy in the environment, the default transport sends the requests of async clients.
    """
    monkeypatch.setenv("ALL_PROXY", f"socks5://{socks_proxy}")

    async def choose() -> AsyncTransport:
        async with AsyncClient(settings={}) as client:
            return client._get_transport()

    assert isinstance(asyncio.run(choose()), AsyncPooledTransport)
