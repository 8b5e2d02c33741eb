"""HTTP/2 with an independent server: hypercorn."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from budwood import AsyncClient
from budwood.contracts import AsyncTransport
from budwood.errors import UnsupportedError
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood_testing.suites.transport.bench import call, fetch, fetch_async, timing
from budwood_testing.suites.transport.tls import TLSBench, certified
from tests.ports import find_port
from tests.servers import KEEP_ALIVE, MAX_WAIT, reply

PROGRAMS = Path(__file__).parent / "programs"
LARGE = bytes(range(256)) * 8000


@pytest.fixture(scope="module")
def http2_server(tmp_path_factory):
    """
    The address of an HTTP/2 server that returns the request body.
    """
    if importlib.util.find_spec("hypercorn") is None:
        if os.environ.get("CI"):
            pytest.fail("hypercorn is not installed")
        pytest.skip("hypercorn is not installed: pip install hypercorn")
    folder = tmp_path_factory.mktemp("hypercorn")
    certificate = certified("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    port = find_port()
    certificate_options = ["--certfile", folder / "certificate.pem", "--keyfile", folder / "key.pem"]
    command = [sys.executable, "-W", "ignore", "-m", "hypercorn", "--bind", f"127.0.0.1:{port}", *certificate_options]
    with subprocess.Popen([*command, "echo_app:app"], cwd=PROGRAMS, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + MAX_WAIT
            while not is_listening(port):
                assert process.poll() is None, "hypercorn exited"
                assert time.monotonic() < deadline, "hypercorn does not listen"
                time.sleep(0.05)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    """
    Return whether a server accepts connections on a port.
    """
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class TestHTTP2(TLSBench):
    plugin = "default"

    def settings(self, folder):
        """
        Enable HTTP/2.
        """
        return {"http2": True}

    def test_calls_use_http2(self, make, http2_server, authority_file):
        """
        Small and large bodies are sent and returned unchanged.
        """
        transport = make(ca_file=authority_file)

        for body in (b"", b"small", LARGE):
            head, echoed = fetch(transport, call(f"{http2_server}/v1?x=1", body=body, authorization="Bearer key"))
            assert (head.headers["x-version"], echoed) == ("2", body)

    def test_servers_without_http2_get_http1(self, make, server, tls_server, authority_file):
        """
        A server that does not support HTTP/2, or has no TLS, gets HTTP/1.1.
        """
        transport = make(ca_file=authority_file)
        for http1_server in (server, tls_server):
            http1_server.answer = lambda request: reply(200, request.body, **KEEP_ALIVE)
            assert fetch(transport, call(http1_server.url, body=b"x")).body == b"x"

    def test_threads_share_a_transport(self, mode, make, http2_server, authority_file):
        """
        Each of several concurrent threads gets its own reply.
        """
        if mode != "blocking":
            pytest.skip("tasks have a test of their own")
        transport = make(ca_file=authority_file)
        fetch(transport, call(http2_server))
        wrong_bodies = []

        def work(number: int) -> None:
            for turn in range(10):
                body = f"{number}/{turn}".encode() * 100
                if fetch(transport, call(http2_server, body=body)).body != body:
                    wrong_bodies.append(body)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert wrong_bodies == []

    def test_tasks_share_a_connection(self, make_async, http2_server, authority_file):
        """
        Each of several concurrent tasks gets its own reply, also if other tasks are cancelled.
        """

        async def work() -> list[bytes]:
            transport = make_async(ca_file=authority_file)
            await fetch_async(transport, call(http2_server))
            cancelled_tasks = [
                asyncio.create_task(fetch_async(transport, call(http2_server, body=LARGE[:99_000]))) for _ in range(20)
            ]
            tasks = [
                asyncio.create_task(fetch_async(transport, call(http2_server, body=f"{number}".encode())))
                for number in range(80)
            ]
            for number, task in enumerate(cancelled_tasks):
                for _ in range(number):
                    await asyncio.sleep(0)
                task.cancel()
            responses = await asyncio.gather(*tasks)
            await asyncio.wait(cancelled_tasks)
            await transport.close()
            return [response.body for response in responses]

        assert asyncio.run(work()) == [f"{number}".encode() for number in range(80)]

    def test_a_closed_response_frees_its_connection_slot(self, make, http2_server, authority_file):
        """
        `max_connections` limits active calls. A response that was closed early is not counted.
        """
        transport = make(ca_file=authority_file, max_connections=1)
        for _ in range(3):
            transport.open(call(http2_server, body=LARGE), timing(total=MAX_WAIT)).close()

        assert fetch(transport, call(http2_server, body=b"x"), total=MAX_WAIT).body == b"x"


class TestAiohttp(TLSBench):
    plugin = "aiohttp"
    blocking = False

    def test_http2_is_unsupported(self, make):
        """
        The error names a transport that supports it.
        """
        with pytest.raises(UnsupportedError, match=r"HTTP/2.*default"):
            make(http2=True)


def test_auto_uses_only_the_configured_transport():
    """
    If the settings enable HTTP/2 for aiohttp, no other transport is used, as it would ignore the settings.
    """

    async def choose_transport(transport: str) -> AsyncTransport:
        async with AsyncClient(settings={"transports": {transport: {"http2": True}}}) as client:
            return client._get_transport()

    with pytest.raises(UnsupportedError, match=r"HTTP/2.*default"):
        asyncio.run(choose_transport("aiohttp"))
    assert isinstance(asyncio.run(choose_transport("default")), AsyncPooledTransport)
