"""The transports over a real server on loopback: both kinds keep the same promises."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import itertools
import socket
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc

import certifi
import httpx
import pytest

from budwood.errors import (
    BadResponseError,
    ConfigurationError,
    ConnectionFailedError,
    RequestTimeoutError,
    ResponseTooLargeError,
)
from budwood.transports.httpx_client import AsyncHTTPXTransport, HTTPXTransport
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import HTTPCall, Timing
from budwood.wire import tls
from budwood.wire.connecting import TransportSettings
from tests.servers import CHUNKED, KEPT, LEAVE, chunk, head, reply, signal

LONG = 3600.0


class Awaited:
    """An async object whose methods are called from blocking code, so that one test serves both kinds."""

    def __init__(self, runner: asyncio.Runner, thing: object) -> None:
        self._runner = runner
        self._thing = thing

    def __getattr__(self, name):
        value = getattr(self._thing, name)
        return self._waiting(value) if inspect.iscoroutinefunction(value) else value

    def _waiting(self, function):
        def call(*arguments):
            result = self._runner.run(function(*arguments))
            return Awaited(self._runner, result) if hasattr(result, "head") else result

        return call


@pytest.fixture(params=["blocking", "async"])
def kind(request):
    """
    Whether a transport blocks.
    """
    return request.param


@pytest.fixture
def make_transport(kind):
    """
    Make transports of one kind, and close them at the end.
    """
    made = []
    with asyncio.Runner() as runner:

        def make(**arguments):
            kinds = {"blocking": PooledTransport, "async": AsyncPooledTransport}
            if "client" in arguments:
                kinds = {"blocking": HTTPXTransport, "async": AsyncHTTPXTransport}
            transport = kinds[kind](**arguments)
            made.append(Awaited(runner, transport) if kind == "async" else transport)
            return made[-1]

        yield make
        for transport in made:
            transport.close()


@pytest.fixture
def transport(make_transport):
    """
    A transport of either kind.
    """
    return make_transport()


def call(url: str, *, body: bytes = b"", **headers: str) -> HTTPCall:
    """Make a call."""
    return HTTPCall(method="POST" if body else "GET", url=url, headers=headers, body=body)


def timing(*, connect: float = LONG, idle: float = LONG, whole: float = LONG) -> Timing:
    """Say how long a call that begins now may take."""
    return Timing(connect_timeout=connect, idle_timeout=idle, deadline=time.monotonic() + whole)


def fetch(transport, made: HTTPCall, limit: int = 1_000_000, **seconds: float):
    """Send a call; return the head and the whole body."""
    exchange = transport.open(made, timing(**seconds))
    try:
        return exchange.head, exchange.read_all(limit)
    finally:
        exchange.close()


def test_a_call_arrives_as_it_was_made(transport, loopback_server):
    """
    Method, path, headers and body reach the server unchanged.
    """
    loopback_server.play(reply())

    fetch(transport, call(loopback_server.url + "/v1/x?y=1", body=b"\x00\xff", authorization="Bearer k"))

    sent = loopback_server.requests[0]
    assert sent.line == "POST /v1/x?y=1 HTTP/1.1"
    assert sent.headers["authorization"] == "Bearer k"
    assert sent.body == b"\x00\xff"


def test_the_head_has_lower_case_names_and_all_values(transport, loopback_server):
    """
    Names of headers are in lower case; a header that comes twice is one, joined by a comma.
    """
    loopback_server.play(b"HTTP/1.1 418 Tea\r\nX-One: a\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 2\r\n\r\nok")

    answered, body = fetch(transport, call(loopback_server.url))

    assert (answered.status, answered.ok, body) == (418, False, b"ok")
    assert answered.headers["x-one"] == "a"
    assert answered.headers["x-two"] == "1, 2"


def test_a_chunked_body_comes_whole(transport, loopback_server):
    """
    The chunks of a body are put together, and nothing of their frame stays.
    """
    loopback_server.play(head(**CHUNKED), chunk(b"one "), chunk(b"two"), chunk(b""))

    assert fetch(transport, call(loopback_server.url))[1] == b"one two"


def test_a_compressed_body_is_unpacked(transport, loopback_server):
    """
    A body in gzip comes out as what was packed.
    """
    packed = gzip.compress(b"plain")
    loopback_server.play(head(length=len(packed), content_encoding="gzip") + packed)

    assert fetch(transport, call(loopback_server.url))[1] == b"plain"


def test_nothing_is_offered_that_could_not_be_unpacked(transport, make_transport, kind, loopback_server):
    """
    Servers are offered gzip and deflate, also where httpx could do more, and less where the user's client says less.
    """
    loopback_server.play(reply(), times=3)
    clients = {"blocking": httpx.Client, "async": httpx.AsyncClient}

    fetch(transport, call(loopback_server.url))
    for said in ("gzip, deflate, br, zstd", "identity"):
        fetch(make_transport(client=clients[kind](headers={"accept-encoding": said})), call(loopback_server.url))

    offered = [sent.headers["accept-encoding"] for sent in loopback_server.requests]
    assert offered == ["gzip, deflate", "gzip, deflate", "identity"]


def test_another_encoding_is_a_bad_reply(transport, loopback_server):
    """
    An encoding that nobody asked for is refused, whatever is installed.
    """
    loopback_server.play(reply(200, b"plain", content_encoding="br"))

    with pytest.raises(BadResponseError, match="'br'"):
        fetch(transport, call(loopback_server.url))


@pytest.mark.parametrize("streamed", [True, False])
def test_a_bomb_does_not_fill_the_memory(transport, loopback_server, streamed):
    """
    A reply of 64 kB that unpacks to 64 MB is refused at the limit, with little more than the limit in memory.
    """
    packed = gzip.compress(bytes(64_000_000))
    loopback_server.play(head(length=len(packed), content_encoding="gzip") + packed)
    exchange = transport.open(call(loopback_server.url), timing())

    tracemalloc.start()
    try:
        if streamed:
            assert 0 < len(exchange.read()) <= 65536
        else:
            with pytest.raises(ResponseTooLargeError):
                exchange.read_all(1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
        exchange.close()


def test_a_body_that_was_read_before_is_not_unpacked_twice(make_transport, kind, loopback_server):
    """
    A hook of the user's client may read the body; it comes out the same.
    """
    packed = gzip.compress(b"plain")
    loopback_server.play(head(length=len(packed), content_encoding="gzip") + packed)

    async def read(response):
        await response.aread()

    client = {
        "blocking": lambda: httpx.Client(event_hooks={"response": [lambda response: response.read()]}),
        "async": lambda: httpx.AsyncClient(event_hooks={"response": [read]}),
    }[kind]()

    assert fetch(make_transport(client=client), call(loopback_server.url))[1] == b"plain"


def test_pieces_come_as_they_are_sent(transport, loopback_server):
    """
    The first piece can be read while the server still holds the second back.
    """
    more = threading.Event()
    loopback_server.play(head(**CHUNKED) + chunk(b"one"), more, chunk(b"two") + chunk(b""))

    exchange = transport.open(call(loopback_server.url), timing())
    first = exchange.read()
    more.set()

    assert (first, exchange.read(), exchange.read(), exchange.read()) == (b"one", b"two", b"", b"")


def test_a_connection_is_used_again(transport, loopback_server):
    """
    After a whole reply the next call takes the same connection.
    """
    loopback_server.play(reply(200, "a", **KEPT), keep=True).play(reply(200, "b"))

    bodies = [fetch(transport, call(loopback_server.url))[1] for _ in range(2)]

    assert bodies == [b"a", b"b"]
    assert len(loopback_server._connections) == 1


def test_redirects_are_not_followed(transport, loopback_server):
    """
    A redirect is a reply like any other: a key must not travel to another address.
    """
    loopback_server.play(reply(307, location=loopback_server.url + "/elsewhere"))

    assert fetch(transport, call(loopback_server.url))[0].status == 307
    assert len(loopback_server.requests) == 1


def test_a_body_announced_too_large_is_not_read(transport, loopback_server):
    """
    Content-Length above the limit is refused before any of the body arrives.
    """
    loopback_server.play(head(length=2 * 1024**3), LEAVE)

    with pytest.raises(ResponseTooLargeError, match="larger than the 1,000 bytes"):
        fetch(transport, call(loopback_server.url), limit=1000, whole=20)

    assert loopback_server.left.wait(60)


def test_an_endless_body_ends_at_the_limit(transport, loopback_server):
    """
    A body without a length is read no further than the limit, and the connection is closed.
    """
    loopback_server.play(head(**CHUNKED), itertools.repeat(chunk(b"x" * 65536), 256))

    with pytest.raises(ResponseTooLargeError):
        fetch(transport, call(loopback_server.url), limit=1_000_000)

    assert loopback_server.left.wait(60)


def test_a_body_of_just_the_limit_is_read(transport, loopback_server):
    """
    The limit is the largest body that is taken.
    """
    loopback_server.play(reply(200, "x" * 1000))

    assert len(fetch(transport, call(loopback_server.url), limit=1000)[1]) == 1000


def test_a_cut_body_is_a_broken_connection(transport, loopback_server):
    """
    Fewer bytes than Content-Length announced are no reply.
    """
    loopback_server.play(head(length=100) + b"only this")

    with pytest.raises(ConnectionFailedError, match="broke") as caught:
        fetch(transport, call(loopback_server.url))

    assert caught.value.retryable
    assert caught.value.hint


def test_no_reply_at_all_is_a_broken_connection(transport, loopback_server):
    """
    A server that closes before the head is no reply, and may be asked again.
    """
    loopback_server.play(b"")

    with pytest.raises(ConnectionFailedError) as caught:
        fetch(transport, call(loopback_server.url))

    assert caught.value.retryable


def test_what_is_not_http_is_a_broken_connection(transport, loopback_server):
    """
    A server that speaks something else gives an error of ours.
    """
    loopback_server.play(b"SSH-2.0-OpenSSH_9.9\r\n")

    with pytest.raises(ConnectionFailedError):
        fetch(transport, call(loopback_server.url))


def test_nobody_listens(transport):
    """
    A refused connection names the address and asks whether the server runs.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{port}") as caught:
        fetch(transport, call(f"http://127.0.0.1:{port}/v1?key=secret-in-query"))

    assert "running" in caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://", "ftp://127.0.0.1/x", "nonsense", "", "http://127.0.0.1:99999999/", "http://[::x]/"]
)
def test_an_impossible_address_is_said_at_once(transport, url):
    """
    An address that cannot be used is an error about base_url, and not tried again.
    """
    with pytest.raises(ConnectionFailedError, match="cannot be used") as caught:
        transport.open(call(url), timing())

    assert not caught.value.retryable
    assert "base_url" in caught.value.hint


@pytest.mark.parametrize("port", ["1", "99999999", "x"])
def test_no_secret_is_in_errors(transport, port):
    """
    Neither the error nor its causes show the key, the query or what stands before the @ of the address.
    """
    secret = "s3" + "cret"
    made = call(f"http://user:{secret}@127.0.0.1:{port}/?key={secret}", authorization=f"Bearer {secret}")

    with pytest.raises(ConnectionFailedError) as caught:
        transport.open(made, timing())

    assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("end", ["\n", "\r\nx: y", "\0", "é", "🌱"])
def test_a_key_that_no_header_can_hold(transport, loopback_server, end):
    """
    A key copied with a line break or worse is said to be one, and neither sent nor shown.
    """
    secret = "s3" + "cret"

    with pytest.raises(ConfigurationError, match="header") as caught:
        transport.open(call(loopback_server.url, authorization=f"Bearer {secret}{end}"), timing())

    assert "API key" in caught.value.hint
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert loopback_server.requests == []


def test_no_secret_is_in_what_is_shown():
    """
    The text of a call shows no credential, whatever the case of its header's name.
    """
    shown = repr(HTTPCall(method="GET", url="http://h/", headers={"Authorization": "s3cret", "X-Api-Key": "s3cret"}))

    assert "s3cret" not in shown


def test_a_connection_in_time_or_not_at_all(transport):
    """
    Where a server takes no connection, `connect_timeout` ends the waiting.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for other in waiting:  # they fill the queue of connections, so that the kernel answers no further one
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(f"http://127.0.0.1:{port}"), connect=0.05)
        for other in waiting:
            other.close()

    assert caught.value.phase == "connect"
    assert caught.value.retryable
    assert "connect_timeout" in caught.value.hint


def test_silence_within_a_reply_ends_at_the_idle_timeout(transport, loopback_server):
    """
    A server that stops in mid-reply is given up after `idle_timeout`.
    """
    loopback_server.play(head(length=10) + b"12345", LEAVE)

    with pytest.raises(RequestTimeoutError, match=r"sent nothing for 0\.05 s") as caught:
        fetch(transport, call(loopback_server.url), idle=0.05, whole=10)

    assert caught.value.phase == "read"
    assert caught.value.retryable
    assert "idle_timeout" in caught.value.hint


def test_a_model_that_thinks_is_not_idle(transport, loopback_server):
    """
    Before the head, only the deadline counts: `idle_timeout` is for replies that have begun.
    """
    loopback_server.play(loopback_server.drip(b"", 40), reply(200, "thought"))

    assert fetch(transport, call(loopback_server.url), idle=0.01)[1] == b"thought"


def test_the_deadline_ends_waiting_for_the_head(transport, loopback_server):
    """
    A server that never answers is given up at the deadline, and that is not retryable.
    """
    loopback_server.play(LEAVE)

    with pytest.raises(RequestTimeoutError) as caught:
        fetch(transport, call(loopback_server.url), whole=0.05)

    assert caught.value.phase == "deadline"
    assert not caught.value.retryable
    assert "timeout" in caught.value.hint


def test_the_deadline_ends_waiting_for_the_body(transport, loopback_server):
    """
    A server that stops in mid-reply is given up at the deadline, where that is nearer than `idle_timeout`.
    """
    loopback_server.play(head(length=10) + b"12345", LEAVE)

    with pytest.raises(RequestTimeoutError) as caught:
        fetch(transport, call(loopback_server.url), whole=0.1)

    assert caught.value.phase == "deadline"


def test_a_slow_head_cannot_outlast_the_deadline(transport, loopback_server):
    """
    A head that drips, so that no single read takes long, ends at the deadline too.
    """
    loopback_server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", loopback_server.drip(b"a"), b"\r\n\r\n")

    with pytest.raises(RequestTimeoutError) as caught:
        transport.open(call(loopback_server.url), timing(whole=0.1))

    assert caught.value.phase == "deadline"


def test_a_slow_body_cannot_outlast_the_deadline(transport, loopback_server):
    """
    A body that drips ends at the deadline too.
    """
    loopback_server.play(head(**CHUNKED), loopback_server.drip(chunk(b"a")), chunk(b""))

    with pytest.raises(RequestTimeoutError) as caught:
        fetch(transport, call(loopback_server.url), whole=0.1)

    assert caught.value.phase == "deadline"


def test_the_deadline_is_a_moment_of_the_given_clock(make_transport, loopback_server):
    """
    Deadlines are compared with the clock that the transport was given, and a call after its deadline is not sent.
    """
    transport = make_transport(monotonic=lambda: 500.0)

    with pytest.raises(RequestTimeoutError):
        transport.open(call(loopback_server.url), Timing(connect_timeout=1, idle_timeout=1, deadline=500.0))

    assert loopback_server.requests == []


def test_closing_in_mid_reply_closes_the_connection(transport, loopback_server):
    """
    Whoever leaves a reply is gone for the server too, which can stop to generate.
    """
    loopback_server.play(head(**CHUNKED) + chunk(b"one"), LEAVE)

    exchange = transport.open(call(loopback_server.url), timing())
    exchange.read()
    exchange.close()

    assert loopback_server.left.wait(60)


def test_closing_the_transport_closes_its_connections(transport, loopback_server):
    """
    A connection kept for later is closed with the transport.
    """
    loopback_server.play(reply(**KEPT), keep=True)
    fetch(transport, call(loopback_server.url))

    transport.close()

    assert loopback_server.left.wait(60)


def test_a_client_of_the_users_stays_theirs(loopback_server):
    """
    A client that was brought is used, and left open.
    """
    loopback_server.play(reply(**KEPT), keep=True).play(reply())
    with httpx.Client(headers={"x-mine": "yes"}) as own:
        transport = HTTPXTransport(own)
        fetch(transport, call(loopback_server.url))
        transport.close()

        assert not own.is_closed
        assert loopback_server.requests[0].headers["x-mine"] == "yes"


def test_another_thread_can_end_the_waiting(loopback_server):
    """
    `interrupt` ends the read on which a thread waits, with an error of ours.
    """
    loopback_server.play(head(length=10) + b"12345", LEAVE)
    transport = PooledTransport()
    exchange = transport.open(call(loopback_server.url), timing())
    exchange.read()
    failures = []

    def read() -> None:
        try:
            exchange.read()
        except ConnectionFailedError as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    while reader.is_alive():
        transport.interrupt(reader.ident)
        reader.join(0.01)

    assert len(failures) == 1
    exchange.close()
    transport.close()


def test_interrupting_who_does_not_wait_is_no_error():
    """
    A thread that waits for nothing is left alone.
    """
    transport = PooledTransport()
    transport.interrupt(threading.get_ident())
    transport.close()


def test_cancelling_a_task_closes_the_connection(loopback_server):
    """
    A task that is cancelled while it waits for the head leaves no connection behind.
    """
    asked = threading.Event()
    loopback_server.play(signal(asked), LEAVE)

    async def cancelled() -> None:
        transport = AsyncPooledTransport()
        task = asyncio.create_task(transport.open(call(loopback_server.url), timing()))
        await asyncio.to_thread(asked.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(loopback_server.left.wait, 60)
        await transport.close()

    asyncio.run(cancelled())


def test_proxies_of_the_environment_are_used(make_transport, loopback_server, monkeypatch):
    """
    A call goes to the proxy that the environment names, as with httpx.
    """
    monkeypatch.setenv("HTTP_PROXY", loopback_server.url)
    loopback_server.play(reply(200, "by proxy"))

    assert fetch(make_transport(), call("http://vendor.invalid/v1"))[1] == b"by proxy"
    assert loopback_server.requests[0].line == "GET http://vendor.invalid/v1 HTTP/1.1"


def test_the_deadline_holds_behind_a_proxy(make_transport, loopback_server, monkeypatch):
    """
    A slow drip through a proxy ends at the deadline too.
    """
    monkeypatch.setenv("HTTP_PROXY", loopback_server.url)
    loopback_server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", loopback_server.drip(b"a"), b"\r\n\r\n")

    with pytest.raises(RequestTimeoutError) as caught:
        make_transport().open(call("http://vendor.invalid/v1"), timing(whole=0.1))

    assert caught.value.phase == "deadline"


@pytest.mark.parametrize("given", [True, False])
def test_certificates_are_read_once_and_only_for_tls(loopback_server, tmp_path, monkeypatch, given):
    """
    A call without TLS reads no certificates, one with TLS reads them, and all transports share one context.

    They are certifi's, or those that the environment names.
    """
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if given:
        chosen = tmp_path / "chosen.pem"
        first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----\n")
        chosen.write_text(first + end, encoding="utf-8")
        monkeypatch.setenv("SSL_CERT_FILE", str(chosen))
    loopback_server.play(reply(**KEPT), keep=True)
    program = f"""
import ssl, time
from budwood.errors import ConnectionFailedError
from budwood.transports.pooled import PooledTransport
from budwood.types import HTTPCall, Timing
from budwood.wire import tls
from budwood.wire.connecting import TransportSettings

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
assert (count == 1) is {given}
assert count > 0
assert len(loads) == 1, loads
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


def test_the_shared_context_checks_names_and_certificates():
    """
    TLS is never without verification.
    """
    context = tls.ssl_context(TransportSettings())

    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
