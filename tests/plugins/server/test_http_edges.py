"""Requests that are too large, too slow, ambiguous or malformed, and those of web pages."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.plugins.server.gateway_server import ClockedServer, GatewayServer
from tests.plugins.server.http_client import connect, encode_request, list_statuses, read_all, read_until
from tests.plugins.server.keys import TOKEN

ORIGIN = "https://app.example.com"
QUESTION = {
    "model": "fast",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "What grows?\n\n<passage>Trees grow.</passage>"}],
}
PATHS = ("/v1/chat/completions", "/v1/messages")
WITH_BODIES = (*PATHS, "/api/auth/login")
LIMIT = 100_000
SECONDS = 10
"""The time for a head, and for a body."""

VERSION = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def gateway():
    """
    The gateway, with small limits.
    """
    server = {
        "models": {"fast": "offline/extractive"},
        "max_body": LIMIT,
        "allowed_origins": [ORIGIN],
    }
    with GatewayServer({"server": server}) as running:
        yield running


@pytest.fixture(scope="module")
def timed():
    """
    A gateway whose clock tests advance.
    """
    with ClockedServer({"server": {"models": {"fast": "offline/extractive"}, "body_timeout": SECONDS}}) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway):
    """
    A client with the key.
    """
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False) as client:
        yield client


def send(gateway, data):
    """
    Send bytes, and return all that the server says until it closes the connection.
    """
    with connect(gateway) as connection:
        connection.sendall(data)
        return read_all(connection)


@pytest.mark.parametrize("path", WITH_BODIES)
def test_large_bodies_are_rejected_before_they_are_read(gateway, path):
    """
    The length alone is enough, and the connection is closed.
    """
    received = send(gateway, encode_request(path, headers={"content-length": str(10 * 1024**3)}))

    assert list_statuses(received) == [413]
    assert b"request_too_large" in received
    assert b"connection: close" in received


@pytest.mark.parametrize("path", WITH_BODIES)
def test_large_bodies_without_a_length_are_rejected(gateway, path):
    """
    Chunks are counted as they arrive.
    """
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    received = send(gateway, encode_request(path, headers={"transfer-encoding": "chunked"}) + chunk * 20)

    assert list_statuses(received) == [413]


@pytest.mark.parametrize("path", WITH_BODIES)
def test_clients_that_send_a_large_body_see_why(client, path):
    """
    A client that sends all of it gets the reply.
    """
    reply = client.post(path, content=b" " * (20 * LIMIT))

    assert reply.status_code == 413
    assert reply.json()["error"]["hint"].startswith("Send less")


@pytest.mark.parametrize("path", WITH_BODIES)
@pytest.mark.parametrize("sent", [b"", b'{"model"'])
def test_slow_bodies_end(timed, path, sent):
    """
    A body that does not arrive in time is an error, also if nothing of it has come.
    """
    with connect(timed) as connection:
        connection.sendall(encode_request(path, content=sent, headers={"content-length": "100"}))
        timed.advance_until_heard(connection, SECONDS)
        received = read_all(connection)

    assert list_statuses(received) == [408]
    assert b"request_timeout" in received


def test_errors_of_bodies_under_api_have_its_form(client):
    """
    They have a code, a hint and the id of the request, like all errors there.
    """
    reply = client.post("/api/auth/login", content=b" " * (2 * LIMIT))
    error = reply.json()["error"]

    assert (reply.status_code, error["code"]) == (413, "request_too_large")
    assert error["hint"] == "Send less."  # no setting changes this limit
    assert error["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"name": "\\ud800"}', b"{} {}", b"[" * 50_000])
def test_invalid_json_under_api_is_an_error(client, content):
    """
    The error says so, whatever is wrong with it.
    """
    typed = client.post("/api/auth/login", content=content, headers={"content-type": "application/json"})
    untyped = client.post("/api/auth/login", content=b"{}")

    assert (typed.status_code, untyped.status_code) == (400, 400)
    has_no_field = content in (b"", b"[]", b'{"name": "\\ud800"}')
    assert typed.json()["error"]["code"] == ("invalid_value" if has_no_field else "invalid_json")
    assert "content-type" in untyped.json()["error"]["hint"]


def test_large_uploads_without_a_key_are_not_read(gateway):
    """
    The error is sent at once, and the connection is closed.
    """
    headers = {"authorization": "Bearer no", "content-length": str(1024**3)}
    received = send(gateway, encode_request(headers=headers))

    assert list_statuses(received) == [401]
    assert b"connection: close" in received


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"model": "\\ud800"}',
        b'{"model": NaN}',
        b'{"n": [1e400]}',
        b"{} {}",
        b"[" * 50_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--x--",
        b"model=fast",
    ],
    ids=lambda content: repr(content[:12]),
)
@pytest.mark.parametrize("path", PATHS)
def test_invalid_json_is_an_error(client, path, content):
    """
    It is reported in the form of the API, whatever the body is.
    """
    reply = client.post(path, content=content)

    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "invalid_json"


DEEP = json.loads("[" * 150 + "]" * 150)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": DEEP},
        {"messages": [{"role": "user", "content": DEEP}]},
        {"messages": [{"role": "user", "content": [DEEP]}]},
        {"max_tokens": 1.5},
        {"max_tokens": True},
        {"temperature": 1e400},
        {"temperature": "hot"},
        {"tools": [DEEP]},
        {"tools": [{"type": "function", "function": {"name": "x" * 500, "parameters": {}}}]},
        {"tools": [{"name": "x" * 500, "input_schema": {}}]},
        {"messages": {}},
        {"messages": "x"},
        {"messages": [1]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": 1, "content": "x"}]},
        {"stream": "yes"},
        {"model": 1},
        {"budwood": 1},
    ],
    ids=lambda fields: repr(fields)[:40],
)
@pytest.mark.parametrize("path", PATHS)
def test_wrong_types_are_errors_of_the_client(client, path, fields):
    """
    No value of any field is a fault of the server.
    """
    body = json.dumps({**QUESTION, **fields}).replace("Infinity", "1e400")
    reply = client.post(path, content=body)

    assert 400 <= reply.status_code < 500
    assert reply.json()["error"]["message"]


def test_compressed_bodies_are_rejected(client):
    """
    They are not decompressed, and the error says so.
    """
    reply = client.post(PATHS[0], content=b"x", headers={"content-encoding": "gzip"})

    assert reply.status_code == 415


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json; charset=utf-8", "application/octet-stream"])
def test_content_type_does_not_matter(client, kind):
    """
    A body of JSON is read as JSON.
    """
    assert client.post(PATHS[0], content=json.dumps(QUESTION), headers={"content-type": kind}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO"])
def test_other_methods_are_not_allowed(gateway, method):
    """
    The error names those that are; a reply to HEAD has no body.
    """
    received = send(gateway, encode_request("/v1/messages", method=method, headers={"connection": "close"}))

    if method == "FOO":
        assert list_statuses(received) == [400]  # the parser of HTTP does not know it
        return
    assert list_statuses(received) == [405]
    assert b"allow: POST" in received
    assert received.endswith(b"\r\n\r\n") is (method == "HEAD")


def test_head_is_answered_without_a_body(gateway):
    """
    It has the headers of GET.
    """
    received = send(gateway, encode_request("/v1/models", method="HEAD", headers={"connection": "close"}))

    assert list_statuses(received) == [200]
    assert received.endswith(b"\r\n\r\n")


def test_preflight_is_answered_before_authentication(gateway):
    """
    A browser sends no key with it.
    """
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-stainless-os",
    }
    reply = httpx.options(f"{gateway.url}/v1/messages", headers=headers, trust_env=False)

    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == "authorization,x-stainless-os"


@pytest.mark.parametrize("token", [TOKEN, "no"])
@pytest.mark.parametrize("stream", [False, True])
def test_pages_of_allowed_origins_can_read_replies(gateway, token, stream):
    """
    Replies, streams and errors have the headers, and expose ours.
    """
    headers = {"origin": ORIGIN, "authorization": f"Bearer {token}"}
    reply = httpx.post(
        f"{gateway.url}{PATHS[0]}", json={**QUESTION, "stream": stream}, headers=headers, trust_env=False
    )

    assert reply.status_code == (200 if token == TOKEN else 401)
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert "x-budwood-cost" in reply.headers["access-control-expose-headers"]
    assert reply.headers["vary"] == "origin"


def test_pages_of_other_origins_cannot_read_replies(gateway):
    """
    They get no headers, and their preflight is no answer that a browser accepts.
    """
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    reply = httpx.options(f"{gateway.url}/v1/messages", headers=headers, trust_env=False)

    assert reply.status_code == 405
    assert "access-control-allow-origin" not in reply.headers


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"content-length": "5", "transfer-encoding": "chunked"}, b"0\r\n\r\n" + SMUGGLED),
        ({"transfer-encoding": "chunked, identity"}, b"0\r\n\r\n" + SMUGGLED),
        ({"transfer-encoding": "xchunked"}, b"0\r\n\r\n" + SMUGGLED),
        ({"transfer-encoding": "chunked"}, b"zz\r\n\r\n" + SMUGGLED),
        ({"transfer-encoding": "chunked"}, b"-1\r\n\r\n" + SMUGGLED),
        ({"transfer-encoding": "chunked"}, b"0x0\r\n\r\n" + SMUGGLED),
        ({"transfer-encoding": "chunked"}, b"ffffffffffffffffff\r\n\r\n" + SMUGGLED),
        ({"transfer-encoding": "chunked"}, b"1\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
        ({"content-length": "-1"}, SMUGGLED),
        ({"content-length": "+0"}, SMUGGLED),
        ({"content-length": "0, 5"}, SMUGGLED),
        ({"content-length": "0", "Content-Length": "5"}, SMUGGLED),
        ({"content-length ": "0"}, SMUGGLED),
        ({"x": "a\nb: c"}, SMUGGLED),
        ({"x": "a\rb"}, SMUGGLED),
        ({"x\0": "a"}, SMUGGLED),
    ],
    ids=repr,
)
def test_ambiguous_framing_is_rejected(gateway, headers, content):
    """
    What another server could read in another way is an error, and nothing after it is answered.
    """
    received = send(gateway, encode_request(headers=headers, content=content))

    assert set(list_statuses(received)) <= {400}
    assert b'"object":"list"' not in received


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../v1/messages",
        "/v1/./messages",
        "//v1/messages",
        "/v1//messages",
        "/v1/messages/",
        "/v1%2Fmessages%2F",
        "/v1/%2e%2e/v1/messages",
        "/v1/messages%00",
        "/V1/messages",
        "/v1/messages;x=1",
        "/v1/files/..%2f..%2fmodels",
        "/v1/files/../models",
        "/v1/",
    ],
)
def test_other_spellings_of_paths_are_not_found(gateway, path):
    """
    Paths are not normalised, so that a proxy in front sees the same path.
    """
    received = send(gateway, encode_request(path, QUESTION, headers={"connection": "close"}))

    assert list_statuses(received) == [404]


def test_requests_follow_one_another_on_a_connection(gateway):
    """
    Pipelined requests are answered in their order.
    """
    request = encode_request(PATHS[0], QUESTION)
    last = encode_request("/v1/nothing", method="GET", headers={"connection": "close"})

    assert list_statuses(send(gateway, request + request + last)) == [200, 200, 404]


def test_expect_continue_is_answered(gateway):
    """
    The body is asked for only if it is read.
    """
    with connect(gateway) as connection:
        body = json.dumps(QUESTION).encode()
        headers = {"expect": "100-continue", "content-length": str(len(body)), "connection": "close"}
        connection.sendall(encode_request(PATHS[0], headers=headers))
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert list_statuses(read_all(connection)) == [200]


@pytest.mark.parametrize("sent", [b"", b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n"])
def test_slow_heads_end(timed, sent):
    """
    A connection on which no head arrives in time is closed, also if it has been used before.
    """
    with connect(timed) as connection:
        connection.sendall(sent)
        timed.advance_until_heard(connection, SECONDS)
        assert read_all(connection) == b""
    with connect(timed) as connection:
        connection.sendall(encode_request("/v1/nothing", method="GET"))
        assert list_statuses(read_until(connection, b"}}")) == [404]
        connection.sendall(b"GET ")
        timed.advance_until_heard(connection, SECONDS)
        assert read_all(connection) == b""


def test_idle_connections_stay_open(timed):
    """
    Between two requests there is no limit for the head.
    """
    request = encode_request("/v1/nothing", method="GET")
    with connect(timed) as idle, connect(timed) as slow:
        idle.sendall(request)
        read_until(idle, b"}}")
        slow.sendall(b"GET ")
        timed.wait_for_connections(2)
        timed.advance_until_heard(slow, SECONDS + 1)
        assert read_all(slow) == b""  # the time for a head is over
        idle.sendall(request)
        assert list_statuses(read_until(idle, b"}}")) == [404]


@pytest.mark.parametrize(("headers", "kind"), [({}, "invalid_request_error"), (VERSION, "not_found_error")])
def test_unknown_routes_have_the_form_of_the_client(client, headers, kind):
    """
    Clients of Anthropic send a version of its API.
    """
    reply = client.get("/v1/nothing", headers=headers)

    assert reply.status_code == 404
    assert reply.json()["error"]["type"] == kind
    assert "/openapi.json" in reply.text
