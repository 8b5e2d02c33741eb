"""Certificates, optional packages, and hosts with several addresses, in the default transport."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import certifi
import pytest

from budwood.errors import ConfigurationError
from budwood.transports.pooled import PooledTransport
from budwood.types import HTTPCall
from budwood.wire import tls
from budwood.wire.happy_eyeballs import connect_socket
from budwood.wire.transport_settings import TransportSettings
from tests.servers import KEEP_ALIVE, reply


def test_repr_of_a_call_shows_no_secret():
    """
    It shows no credential, whatever the case of the header's name.
    """
    shown = repr(HTTPCall(method="GET", url="http://h/", headers={"Authorization": "s3cret", "X-Api-Key": "s3cret"}))

    assert "s3cret" not in shown


@pytest.mark.parametrize("has_certificate_file", [True, False])
def test_certificates_are_read_once_and_only_for_tls(loopback_server, tmp_path, monkeypatch, has_certificate_file):
    """
    A call without TLS reads no certificates, one with TLS reads them, and all transports share one context.

    They are certifi's, or those that the environment names.
    """
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if has_certificate_file:
        certificate_file = tmp_path / "chosen.pem"
        first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----\n")
        certificate_file.write_text(first + end, encoding="utf-8")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate_file))
    loopback_server.play(reply(**KEEP_ALIVE), keep_alive=True)
    program = f"""
import ssl, time
from budwood.errors import ConnectionFailedError
from budwood.transports.pooled import PooledTransport
from budwood.types import HTTPCall, Timing
from budwood.wire import tls
from budwood.wire.transport_settings import TransportSettings

loads = []
load = ssl.SSLContext.load_verify_locations

def counted(context, *files, **named):
    loads.append(files or named)
    load(context, *files, **named)

ssl.SSLContext.load_verify_locations = counted

def ask(url):
    timing = Timing(connect_timeout=60, idle_timeout=60, deadline=time.monotonic() + 60)
    PooledTransport().open(HTTPCall(method="GET", url=url), timing).close()

ask("http://127.0.0.1:{loopback_server.port}/")
assert not loads
for _ in range(2):
    try:
        ask("https://127.0.0.1:1/")
    except ConnectionFailedError:
        pass
context = tls.ssl_context(TransportSettings())
count = len(context.get_ca_certs())
assert (count == 1) is {has_certificate_file}
assert count > 0
assert len(loads) == 1, loads
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


def test_shared_context_checks_names_and_certificates():
    """
    TLS is always verified.
    """
    context = tls.ssl_context(TransportSettings())

    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize(("setting", "module"), [({"http2": True}, "h2"), ({"proxy": "socks5://h:1"}, "socksio")])
def test_missing_package_is_named(monkeypatch, setting, module):
    """
    HTTP/2 and SOCKS need optional packages; the error says what to install, before anything is sent.
    """
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ConfigurationError, match=rf"{module}.*budwood\["):
        PooledTransport(TransportSettings(**setting))


@pytest.fixture
def addresses(monkeypatch):
    """
    The addresses that a name resolves to.
    """
    found = []

    async def getaddrinfo(loop, host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return found


def test_next_address_is_tried_if_one_rejects(addresses, loopback_server):
    """
    For a host with several addresses, the first that accepts a connection is used.
    """
    addresses += [("127.0.0.1", 1), ("127.0.0.2", 1), ("127.0.0.1", loopback_server.port)]

    async def connect() -> int:
        with await connect_socket(("vendor.example",), 80, None, ()) as sock:
            return sock.getpeername()[1]

    assert asyncio.run(connect()) == loopback_server.port


def test_silent_address_does_not_delay_the_next(addresses, loopback_server):
    """
    The next address is tried after a short delay, and a late connection is closed.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for other in waiting:  # fills the queue of connections, so that the kernel accepts no more
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        addresses += [full.getsockname(), ("127.0.0.1", loopback_server.port)]

        async def connect() -> int:
            with await connect_socket(("vendor.example",), 80, None, ()) as sock:
                return sock.getpeername()[1]

        assert asyncio.run(connect()) == loopback_server.port
        for other in waiting:
            other.close()


def test_error_of_unreachable_addresses_is_that_of_the_first(addresses):
    """
    The first address is the preferred one.
    """
    addresses += [("127.0.0.1", 1), ("127.0.0.1", 2)]

    with pytest.raises(ConnectionRefusedError, match="1"):
        asyncio.run(connect_socket(("vendor.example",), 80, None, ()))
