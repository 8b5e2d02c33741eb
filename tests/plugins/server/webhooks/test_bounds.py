"""Whatever an endpoint answers takes bounded memory and time, and is safe to print."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import socket

import pytest

from budwood_server.webhooks import answers
from tests.plugins.server.webhooks.endpoints import PIECE, send_once, send_to

MAX_MEMORY = 8_000_000
"""Bytes that a request may take, whatever its answer is."""

MAX_SENT = 32_000_000
"""Bytes that an endpoint can send before the connection is closed: buffers of the system take most of them."""

GIGABYTE = 1_000_000_000


def send_head(*lines, status=b"200 OK"):
    """
    Return the head of an answer.
    """
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""])


async def huge_body():
    """
    A body of 1 GB.
    """
    yield send_head(b"content-length: %d" % GIGABYTE)
    for _ in range(GIGABYTE // len(PIECE)):
        yield PIECE


async def endless_body():
    """
    A body without an end.
    """
    yield send_head()
    while True:
        yield PIECE


async def endless_chunks():
    """
    Chunks without an end.
    """
    yield send_head(b"transfer-encoding: chunked")
    while True:
        yield b"%x\r\n%b\r\n" % (len(PIECE), PIECE)


async def many_headers():
    """
    Headers without an end.
    """
    yield b"HTTP/1.1 200 OK\r\n"
    for number in itertools.count():
        yield b"".join(b"x-%d: %d\r\n" % (number, each) for each in range(1000))


async def huge_header():
    """
    A header without an end.
    """
    yield b"HTTP/1.1 200 OK\r\nx-header: "
    while True:
        yield PIECE


async def huge_name():
    """
    The name of a header without an end.
    """
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield PIECE


async def early_answers():
    """
    Informational answers (1xx) without an end.
    """
    while True:
        yield send_head(b"x-header: 1", status=b"103 Early Hints") * 1000


async def endless_trailer():
    """
    A trailer without an end.
    """
    yield send_head(b"transfer-encoding: chunked") + b"2\r\nok\r\n0\r\nx-trailer: "
    while True:
        yield PIECE


async def endless_extension():
    """
    An extension of a chunk without an end.
    """
    yield send_head(b"transfer-encoding: chunked") + b"2;x="
    while True:
        yield PIECE


@pytest.mark.parametrize("answer", [huge_body, endless_body, endless_chunks])
def test_bodies_are_read_to_a_limit(answer):
    """
    The status counts, and the connection is closed after the part that is kept.
    """
    attempt, endpoint, memory = send_to(answer)

    assert attempt.status == 200
    assert attempt.response_body == "x" * answers.MAX_BODY
    assert memory < MAX_MEMORY
    assert endpoint.sent < MAX_SENT


@pytest.mark.parametrize(
    "answer", [many_headers, huge_header, huge_name, early_answers, endless_trailer, endless_extension]
)
def test_bombs_of_headers_are_refused(answer):
    """
    Also in answers that announce another, and after the body.
    """
    attempt, endpoint, memory = send_to(answer)

    if answer in (endless_trailer, endless_extension):  # the status has arrived
        assert (attempt.status, attempt.response_body) == (200, "")
    else:
        assert (attempt.status, attempt.response_headers) == (None, {})
        assert "head of the reply is longer" in attempt.error or "not valid HTTP" in attempt.error
    assert memory < MAX_MEMORY
    assert endpoint.sent < MAX_SENT


def test_many_headers_are_cut():
    """
    Those of an answer that is accepted take bounded room in the database.
    """

    async def answer():
        lines = [b"x-%d: %s" % (number, b"v" * 1000) for number in range(100)]
        yield send_head(*lines, b"x-same: 1", *[b"a:"] * 20_000, b"content-length: 0")

    attempt, _, memory = send_to(answer)

    assert attempt.status == 200
    assert len(attempt.response_headers) == answers.MAX_HEADERS
    assert {len(value) for value in attempt.response_headers.values()} == {answers.MAX_VALUE}
    assert memory < MAX_MEMORY


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", "GZIP", "x"])
def test_bodies_are_never_decompressed(encoding):
    """
    Nor asked for: a kilobyte can stand for a megabyte, and more.
    """
    bomb = gzip.compress(bytes(20_000_000))

    async def answer():
        yield send_head(b"content-encoding: " + encoding.encode(), b"content-length: %d" % len(bomb))
        yield bomb

    attempt, endpoint, memory = send_to(answer)

    assert (attempt.status, attempt.response_body) == (200, "")
    assert "accept-encoding: identity\r\n" in endpoint.heads[-1]
    assert memory < MAX_MEMORY


def test_slow_answers_end_with_the_time_of_the_request():
    """
    Those that send a byte now and then, in the head or in the body, have failed.
    """

    def drip(start):
        async def answer():
            yield start
            while True:
                await asyncio.sleep(0.01)  # it stands for a second
                yield b"x"

        return answer

    for start in (b"", b"HTTP/1.1 200 OK\r\nx: ", send_head(), send_head(b"content-length: 1000000")):
        attempt, _, _ = send_to(drip(start), timeout=0.3)

        if attempt.error and "not valid HTTP" in attempt.error:  # "x" is no start of an answer
            continue
        assert (attempt.status, attempt.error) == (None, "There was no complete answer within 0.3 s.")


def test_a_slow_handshake_ends_with_the_time_of_the_request():
    """
    A server that accepts connections and says nothing in TLS.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        attempt = asyncio.run(send_once(url, timeout=0.2))

    assert (attempt.status, attempt.error) == (None, "There was no complete answer within 0.2 s.")


def test_a_slow_look_up_ends_with_the_time_of_the_request():
    """
    A name server that does not answer.
    """

    async def resolve(*_arguments, **_options):
        await asyncio.Event().wait()

    attempt = asyncio.run(send_once("https://example.org/", timeout=0.1, resolve=resolve))

    assert (attempt.status, attempt.error) == (None, "There was no complete answer within 0.1 s.")


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n"]
)
def test_answers_that_are_no_http_are_failures(start):
    """
    As are connections that are closed before the end of the head.
    """

    async def answer():
        yield start

    attempt, _, _ = send_to(answer)

    assert attempt.status is None
    assert attempt.error


def test_a_body_that_breaks_off_does_not_undo_its_status():
    """
    The endpoint has accepted the event.
    """

    async def answer():
        yield send_head(b"content-length: 100")
        yield b"short"

    assert send_to(answer)[0].status == 200


def test_answers_are_safe_to_print():
    """
    Without control characters, changes of the direction of writing, and bytes that are no UTF-8.
    """

    async def answer():
        yield send_head(b"x-header: a\xff\x9b2Jb", b"set-cookie: secret")
        yield b"line\n\x1b[2J\x00\xff\xed\xa0\x80 \xc2\x9b31m " + "\u202egpj\u2028é".encode()

    attempt, _, _ = send_to(answer)

    assert attempt.response_headers == {"x-header": "a\u00ff\ufffd2Jb"}
    assert attempt.response_body == "line\n\ufffd[2J\ufffd\ufffd\ufffd\ufffd\ufffd \ufffd31m \ufffdgpj\ufffdé"
