"""What users name by a URL is downloaded only from public addresses, bounded in size and time."""

from __future__ import annotations

import gzip
import socket

import pytest

from budwood.errors import PromptError
from budwood.transports.downloads import download
from budwood.wire import public_addresses
from tests.servers import CHUNKED, WAIT_FOR_CLOSE, LoopbackServer, chunk, head, reply

LIMITS = {"limit": 1000, "seconds": 30.0}


@pytest.fixture
def server():
    """
    A server on loopback.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def public_loopback(monkeypatch):
    """
    Make the server's address count as public.
    """
    check = public_addresses.is_public
    monkeypatch.setattr(public_addresses, "is_public", lambda address: address == "127.0.0.1" or check(address))


def test_content_is_returned(server, public_loopback):
    """
    The host header is the name in the URL, and no credentials are sent.
    """
    server.play(reply(200, b"content"))

    data = download(f"http://me:secret@localhost:{server.port}/a?b=c#d", resolve=resolve_to("127.0.0.1"), **LIMITS)

    assert data == b"content"
    (request,) = server.requests
    assert request.line == "GET /a?b=c HTTP/1.1"
    assert request.headers["host"] == f"localhost:{server.port}"
    assert "secret" not in str(request.headers)


def resolve_to(*addresses):
    """
    Return a look-up whose result is the same for every host.
    """
    return lambda _, port, **__: [(socket.AF_INET, 1, 6, "", (address, port)) for address in addresses]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"])
def test_this_machine_is_not_reached(server, host):
    """
    However it is written; nothing connects to it.
    """
    with pytest.raises(PromptError, match="which is not public"):
        download(f"http://{host}:{server.port}/a", **LIMITS)

    assert server.accepted == 0


def test_host_that_resolves_to_a_private_address_is_not_reached(server):
    """
    Also if another of its addresses is public.
    """
    with pytest.raises(PromptError, match=r"a\.test has the address 127\.0\.0\.1, which is not public"):
        download(f"http://a.test:{server.port}/", resolve=resolve_to("8.8.8.8", "127.0.0.1"), **LIMITS)

    assert server.accepted == 0


def test_host_is_looked_up_once_for_each_connection(server, public_loopback):
    """
    A second look-up could return another address than the one that was checked.
    """
    answers = ["127.0.0.1", "10.0.0.1"]
    server.play(reply(200, b"content"))

    def resolve(_, port, **__):
        return [(socket.AF_INET, 1, 6, "", (answers.pop(0), port))]

    data = download(f"http://a.test:{server.port}/", resolve=resolve, **LIMITS)

    assert data == b"content"
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://169.254.169.254/latest/meta-data", r"169\.254\.169\.254.*which is not public"),
        ("http://[::ffff:169.254.169.254]/", "which is not public"),
        ("file:///etc/passwd", "must start with http"),
        ("ftp://a.test/", "must start with http"),
        ("/again", "more than 5 redirects"),
    ],
)
def test_redirects_are_checked(server, public_loopback, location, error):
    """
    Each is checked like the URL itself, and their number is bounded.
    """
    server.play(head(302, length=0, location=location), times=6)

    with pytest.raises(PromptError, match=error):
        download(f"http://127.0.0.1:{server.port}/", **LIMITS)


def test_redirect_is_followed(server, public_loopback):
    """
    Its location may be relative.
    """
    server.play(head(301, length=0, location="../b")).play(reply(200, b"content"))

    assert download(f"http://127.0.0.1:{server.port}/a/a", **LIMITS) == b"content"
    assert [request.line.split()[1] for request in server.requests] == ["/a/a", "/b"]


@pytest.mark.parametrize(
    "answer",
    [
        [head(200, length=1001)],
        [head(200, **CHUNKED), *[chunk(b"x" * 500)] * 3],
        [reply(200, gzip.compress(bytes(10_000_000)), **{"content-encoding": "gzip"})],
    ],
    ids=["by its header", "by its content", "once decompressed"],
)
def test_size_is_bounded(server, public_loopback, answer):
    """
    Whether the header says it or not.
    """
    server.play(*answer)

    with pytest.raises(PromptError, match=r"Cannot download http://127\.0\.0\.1.*1,000"):
        download(f"http://127.0.0.1:{server.port}/", **LIMITS)


@pytest.mark.parametrize("answer", [[], [head(200, length=10), b"abc"]], ids=["no head", "no end"])
def test_duration_is_bounded(server, public_loopback, answer):
    """
    A server that does not answer, or not to the end, is left.
    """
    server.play(*answer, WAIT_FOR_CLOSE)

    with pytest.raises(PromptError, match=r"Cannot download http://127\.0\.0\.1"):
        download(f"http://127.0.0.1:{server.port}/", limit=1000, seconds=0.2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(404, b"no"), "HTTP 404"),
        (head(302, length=0), "HTTP 302"),
        (b"garbage\r\n\r\n", "Cannot download"),
        (head(200, length=10) + b"abc", "Cannot download"),
    ],
    ids=["not found", "redirect to nowhere", "garbage", "cut off"],
)
def test_failed_download_is_a_prompt_error(server, public_loopback, answer, error):
    """
    The error does not contain what may be secret in the URL.
    """
    server.play(answer)

    with pytest.raises(PromptError, match=error) as caught:
        download(f"http://127.0.0.1:{server.port}/a?signature=secret", **LIMITS)
    assert "secret" not in str(caught.value)
