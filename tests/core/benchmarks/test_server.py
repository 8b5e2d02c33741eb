import asyncio
import itertools
import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.benchmarks.server import CHUNKS, OBJECT, TEXT, Connection, Count, create_word, parse_path

CHAT = "/v1/chat/completions"
REQUEST = {"model": "bench", "messages": [{"role": "user", "content": "Hi"}]}


async def serve(use):
    """Run a server in the event loop while ``use(port)`` is awaited."""
    loop = asyncio.get_running_loop()
    count = Count()
    count.look(loop.time())
    server = await loop.create_server(lambda: Connection(count), "127.0.0.1", 0)
    try:
        return await use(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def post(path, body=REQUEST):
    """Send a request over a new connection with httpx."""

    async def use(port):
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(f"http://127.0.0.1:{port}{path}", json=body)

    return asyncio.run(serve(use))


def send_raw(*parts, replies=1):
    """Send parts of bytes over a connection; return what was received after a number of replies or the end."""

    async def use(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        received = b""
        while received.count(b"HTTP/1.1") < replies or not received.endswith(b"}"):
            data = await reader.read(65536)
            if not data:
                break
            received += data
        ended = reader.at_eof()
        writer.close()
        await writer.wait_closed()
        return received, ended

    return asyncio.run(serve(use))


def encode_request(path=CHAT, body=REQUEST):
    """Return the bytes of a request."""
    data = json.dumps(body).encode()
    return b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(data), data)


def test_reply_has_the_format_of_openai():
    """
    A reply has the format of OpenAI.
    """
    reply = post(CHAT)

    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"] == TEXT
    assert reply.json()["usage"]["total_tokens"] == 11


def test_structured_output_is_json():
    """
    With a response format the content is JSON.
    """
    reply = post(CHAT, REQUEST | {"response_format": {"type": "json_object"}})

    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == OBJECT


@pytest.mark.parametrize(("path", "count"), [(CHAT, CHUNKS), (f"/chunks-3-delay-1{CHAT}", 3)])
def test_stream_is_complete(path, count):
    """
    A stream has chunks of text, the finish reason, usage and the end marker.
    """
    *events, last = post(path, REQUEST | {"stream": True}).text.strip().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]

    assert last == "data: [DONE]"
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks[:-2]] == [
        create_word(one) for one in range(count)
    ]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == count


def test_chunks_differ():
    """
    All chunks of a stream differ.
    """
    assert len({create_word(one) for one in range(CHUNKS)}) == CHUNKS


@pytest.mark.parametrize("streamed", [False, True])
def test_path_selects_the_error(streamed):
    """
    The path selects the status, also of streams, and the body is an error of OpenAI.
    """
    reply = post(f"/error-429{CHAT}", REQUEST | {"stream": streamed})

    assert reply.status_code == 429
    assert reply.json()["error"]["code"] == "429"


@pytest.mark.parametrize("path", ["/", "/v1/chat", "/fixed-x/v1/chat/completions", "/slow-1/v1/chat/completions"])
def test_unknown_path_is_not_found(path):
    """
    A path with an unknown condition gets status 404.
    """
    assert post(path).status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"what\r\n\r\n", b"400"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
    ],
)
def test_invalid_request_closes_the_connection(sent, status):
    """
    An invalid request gets an error, and the connection is closed.
    """
    received, ended = send_raw(sent, replies=9)

    assert received.startswith(b"HTTP/1.1 " + status)
    assert ended


class OutputTransport(asyncio.Queue):
    """A fake asyncio transport that collects the output."""

    def write(self, data):
        self.put_nowait(data)

    def is_closing(self):
        return False


def test_replies_are_in_order_of_requests():
    """
    Requests that arrive during a delayed reply are answered after it.
    """

    async def use():
        connection = Connection(Count())
        output = OutputTransport()
        connection.connection_made(output)
        connection.data_received(encode_request(f"/fixed-5{CHAT}"))
        connection.data_received(encode_request(f"/error-500{CHAT}"))
        return [await output.get() for _ in range(2)]

    first, second = asyncio.run(use())

    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 500")


def test_connection_is_reused():
    """
    Pipelined requests are answered in order on one connection.
    """
    received, ended = send_raw(encode_request(f"/fixed-5{CHAT}") + encode_request(f"/error-500{CHAT}"), replies=2)

    assert received.index(b"200 OK") < received.index(b"500 Internal")
    assert not ended


@settings(max_examples=20)
@given(st.lists(st.integers(1, 200), max_size=6))
def test_request_may_arrive_in_any_parts(cuts):
    """
    The same bytes in any parts get the same replies.
    """
    sent = encode_request() + encode_request(f"/error-404{CHAT}")
    edges = [0, *sorted({min(cut, len(sent)) for cut in cuts}), len(sent)]
    parts = [sent[start:end] for start, end in itertools.pairwise(edges) if start < end]

    assert send_raw(*parts, replies=2) == send_raw(sent, replies=2)


@given(st.binary(max_size=60))
def test_any_path_is_handled(path):
    """
    Any path is parsed or rejected.
    """
    found = parse_path(path)

    assert found is None or found.status >= 200


def test_lognormal_latency_has_its_mean():
    """
    The first number of a lognormal latency is its mean in milliseconds.
    """
    samples = [parse_path(b"/lognormal-500-0.5/v1/chat/completions").latency() for _ in range(20_000)]

    assert sum(samples) / len(samples) == pytest.approx(0.5, rel=0.02)


def test_statistics_are_reset_by_each_query():
    """
    The first query counts the calls, and the second none.
    """

    async def use(port):
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            await asyncio.gather(*(client.post(f"/fixed-20{CHAT}", json=REQUEST) for _ in range(4)))
            return [(await client.get("/stats")).json() for _ in range(2)]

    first, second = asyncio.run(serve(use))

    assert first["requests"] == 4
    assert 0 < first["mean_in_flight"] <= 4
    assert second["requests"] == 0


def test_mean_in_flight_is_weighted_by_time():
    """
    Two requests for one second and none for three give a mean of 0.5 in flight.
    """
    count = Count()
    count.look(10.0)
    count.change(2, 10.0)
    count.change(-2, 11.0)

    assert count.look(14.0)["mean_in_flight"] == 0.5
