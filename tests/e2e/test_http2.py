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
from tests.servers import KEEP_ALIVE, MAX_WAIT, reply

PROGRAMS = Path(__file__).parent / "programs"
LARGE = bytes(range(256)) * 8000


@pytest.fixture(scope="module")
def http2_server(tmp_path_factory):
    """
    A server of HTTP/2 that sends back what it gets; its address.
    """
    if importlib.util.find_spec("hypercorn") is None:
        if os.environ.get("CI"):
            pytest.fail("there is no hypercorn")
        pytest.skip("it needs hypercorn: pip install hypercorn")
    folder = tmp_path_factory.mktemp("hypercorn")
    certificate = certified("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    named = ["--certfile", folder / "certificate.pem", "--keyfile", folder / "key.pem"]
    command = [sys.executable, "-W", "ignore", "-m", "hypercorn", "--bind", f"127.0.0.1:{port}", *named]
    with subprocess.Popen([*command, "echo_app:app"], cwd=PROGRAMS, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + MAX_WAIT
            while not listens(port):
                assert process.poll() is None, "hypercorn has ended"
                assert time.monotonic() < end, "hypercorn does not listen"
                time.sleep(0.05)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()


def listens(port: int) -> bool:
    """
    Tell whether somebody takes connections.
    """
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class TestHTTP2(TLSBench):
    plugin = "default"

    def settings(self, folder):
        """
        HTTP/2 is offered, and the authority trusted.
        """
        return {"http2": True}

    def test_calls_go_by_http2(self, make, http2_server, authority_file):
        """
        Small and large bodies go both ways.
        """
        transport = make(ca_file=authority_file)

        for body in (b"", b"small", LARGE):
            head, echoed = fetch(transport, call(f"{http2_server}/v1?x=1", body=body, authorization="Bearer key"))
            assert (head.headers["x-version"], echoed) == ("2", body)

    def test_servers_without_it_are_spoken_to_as_they_are(self, make, server, tls_server, authority_file):
        """
        HTTP/2 is an offer: a server that does not take it, or has no TLS, gets HTTP/1.1.
        """
        transport = make(ca_file=authority_file)
        for each in (server, tls_server):
            each.answer = lambda request: reply(200, request.body, **KEEP_ALIVE)
            assert fetch(transport, call(each.url, body=b"x")).body == b"x"

    def test_threads_share_a_transport(self, mode, make, http2_server, authority_file):
        """
        Threads that ask side by side get each its own reply.
        """
        if mode != "blocking":
            pytest.skip("tasks have a test of their own")
        transport = make(ca_file=authority_file)
        fetch(transport, call(http2_server))
        wrong = []

        def work(number: int) -> None:
            for turn in range(10):
                body = f"{number}/{turn}".encode() * 100
                if fetch(transport, call(http2_server, body=body)).body != body:
                    wrong.append(body)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert wrong == []

    def test_tasks_share_a_connection(self, make_async, http2_server, authority_file):
        """
        Tasks that ask side by side get each its own reply, also where some of them leave.
        """

        async def work() -> list[bytes]:
            transport = make_async(ca_file=authority_file)
            await fetch_async(transport, call(http2_server))
            leavers = [
                asyncio.create_task(fetch_async(transport, call(http2_server, body=LARGE[:99_000]))) for _ in range(20)
            ]
            asked = [
                asyncio.create_task(fetch_async(transport, call(http2_server, body=f"{number}".encode())))
                for number in range(80)
            ]
            for number, leaver in enumerate(leavers):
                for _ in range(number):
                    await asyncio.sleep(0)
                leaver.cancel()
            fetched = await asyncio.gather(*asked)
            await asyncio.wait(leavers)
            await transport.close()
            return [each.body for each in fetched]

        assert asyncio.run(work()) == [f"{number}".encode() for number in range(80)]

    def test_a_place_is_free_again_when_it_is_over(self, make, http2_server, authority_file):
        """
        `max_connections` bounds the calls under way, and a call that was left is none.
        """
        transport = make(ca_file=authority_file, max_connections=1)
        for _ in range(3):
            transport.open(call(http2_server, body=LARGE), timing(total=MAX_WAIT)).close()

        assert fetch(transport, call(http2_server, body=b"x"), total=MAX_WAIT).body == b"x"


class TestAiohttp(TLSBench):
    plugin = "aiohttp"
    blocking = False

    def test_http2_is_refused(self, make):
        """
        The error names what can.
        """
        with pytest.raises(UnsupportedError, match=r"HTTP/2.*default"):
            make(http2=True)


def test_auto_uses_only_the_configured_transport():
    """
    If the settings enable HTTP/2 for aiohttp, no other transport is used, as it would ignore the settings.
    """

    async def choose(transport: str) -> AsyncTransport:
        async with AsyncClient(settings={"transports": {transport: {"http2": True}}}) as client:
            return client._get_transport()

    with pytest.raises(UnsupportedError, match=r"HTTP/2.*default"):
        asyncio.run(choose("aiohttp"))
    assert isinstance(asyncio.run(choose("default")), AsyncPooledTransport)
