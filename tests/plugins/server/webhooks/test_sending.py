"""Where requests to endpoints go, and with what."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme

from budwood_server.webhooks.sending import Sender
from budwood_server.webhooks.signing import create_secret, make_headers
from tests.plugins.server.webhooks.endpoints import find_at, run_endpoint, send_once

ACCEPTED = b"HTTP/1.1 204 No Content\r\n\r\n"
PUBLIC, LOCAL = ["93.184.216.34"], ["127.0.0.1"]
METADATA = ["169.254.169.254"]


async def accept():
    """
    Accept an event.
    """
    yield ACCEPTED


@asynccontextmanager
async def run_tls_endpoint(monkeypatch, tmp_path, name="hooks.example.org"):
    """
    Run an endpoint with a certificate of an authority that is trusted; ``names`` are those that clients sent (SNI).
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    names = []
    context.sni_callback = lambda _socket, sent, _context: names.append(sent)
    async with run_endpoint(accept, context) as endpoint:
        endpoint.names = names
        yield endpoint


def test_the_connection_goes_to_the_checked_address(monkeypatch, tmp_path):
    """
    A host is looked up once for a request: another address of later is never used. Host and SNI are those of the URL.
    """

    async def main():
        async with run_tls_endpoint(monkeypatch, tmp_path) as endpoint:
            resolve = find_at(LOCAL, METADATA)
            looked_up = []
            monkeypatch.setattr(socket, "getaddrinfo", spy(socket.getaddrinfo, looked_up))
            url = f"https://hooks.example.org:{endpoint.port}/events"
            attempt = await send_once(url, resolve=resolve)
            assert (attempt.status, attempt.error) == (204, None)
            assert resolve.asked == ["hooks.example.org"]
            assert "hooks.example.org" not in looked_up
            assert endpoint.names == ["hooks.example.org"]
            assert f"host: hooks.example.org:{endpoint.port}\r\n" in endpoint.heads[0]
            again = await send_once(url, resolve=resolve)
            assert (again.status, len(endpoint.heads)) == (None, 1)
            assert "169.254.169.254" in again.error

    asyncio.run(main())


def spy(function, hosts):
    """
    Return a function that notes its first argument.
    """

    def call(host, *arguments, **options):
        hosts.append(host)
        return function(host, *arguments, **options)

    return call


def test_each_request_looks_up_its_host_again(monkeypatch, tmp_path):
    """
    With one sender, too: no connection is kept, whose address was checked long ago.
    """

    async def main():
        async with run_tls_endpoint(monkeypatch, tmp_path) as endpoint:
            resolve = find_at(LOCAL, LOCAL, METADATA)
            sender = Sender(timeout=500.0, allow_local=True, resolve=resolve)
            url = f"https://hooks.example.org:{endpoint.port}/"
            found = [(await sender.send(url, {}, b"")).status for _ in range(3)]
            await sender.close()
            assert found == [204, 204, None]
            assert len(endpoint.names) == 2

    asyncio.run(main())


@pytest.mark.parametrize("name", ["other.example.org", "127.0.0.1"])
def test_certificates_are_those_of_the_name(monkeypatch, tmp_path, name):
    """
    And not those of another name, or of the address.
    """

    async def main():
        async with run_tls_endpoint(monkeypatch, tmp_path, name) as endpoint:
            url = f"https://hooks.example.org:{endpoint.port}/secret-path"
            attempt = await send_once(url, resolve=find_at(LOCAL))
            assert attempt.status is None
            assert "not trusted" in attempt.error
            assert "secret-path" not in attempt.error
            assert endpoint.heads == []

    asyncio.run(main())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_failures(status):
    """
    They are recorded, and not followed: not to the metadata of a cloud, and to nothing else.
    """

    async def main():
        async with run_endpoint(accept) as other:
            for target in ("http://169.254.169.254/latest/meta-data/", f"http://127.0.0.1:{other.port}/"):

                async def redirect(target=target):
                    yield f"HTTP/1.1 {status} X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n".encode()

                async with run_endpoint(redirect) as endpoint:
                    attempt = await send_once(f"http://127.0.0.1:{endpoint.port}/")
                assert (attempt.status, attempt.has_succeeded) == (status, False)
                assert attempt.response_headers["location"] == target
                assert len(endpoint.heads) == 1
            assert other.heads == []

    asyncio.run(main())


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"])
def test_proxies_of_the_environment_are_not_used(monkeypatch, variable):
    """
    A proxy would look up the host itself.
    """

    async def main():
        async with run_endpoint(accept) as proxy, run_endpoint(accept) as endpoint:
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            attempt = await send_once(f"http://hooks.localhost:{endpoint.port}/", resolve=find_at(LOCAL))
            assert attempt.status == 204
            assert (len(proxy.heads), len(endpoint.heads)) == (0, 1)

    asyncio.run(main())


def test_attempts_have_no_secrets():
    """
    Neither the secret, nor the signature, nor cookies of the endpoint.
    """
    secret = create_secret()

    async def answer():
        yield b"HTTP/1.1 500 X\r\nset-cookie: private\r\nwww-authenticate: private\r\ncontent-length: 0\r\n\r\n"

    async def main():
        async with run_endpoint(answer) as endpoint:
            headers = make_headers([secret], "evt_1", b"{}")
            return headers, await send_once(f"http://127.0.0.1:{endpoint.port}/", headers=headers)

    headers, attempt = asyncio.run(main())

    assert attempt.request_headers["webhook-id"] == "evt_1"
    for hidden in (secret, secret.removeprefix("whsec_"), headers["webhook-signature"], "private"):
        assert hidden not in repr(attempt)
