import asyncio
import itertools
import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.benchmarks.server import CHUNKS, OBJECT, TEXT, Connection, Count, plan, word

CHAT = "/v1/chat/completions"
ASKED = {"model": "bench", "messages": [{"role": "user", "content": "Hi"}]}


async def served(use):
    """Run a server on the running loop while ``use(port)`` is awaited."""
    loop = asyncio.get_running_loop()
    count = Count()
    count.look(loop.time())
    server = await loop.create_server(lambda: Connection(count), "127.0.0.1", 0)
    try:
        return await use(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def post(path, body=ASKED):
    """Ask over a connection of its own, with httpx."""

    async def use(port):
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(f"http://127.0.0.1:{port}{path}", json=body)

    return asyncio.run(served(use))


def raw(*pieces, replies=1):
    """Send pieces of bytes over one connection; return what came, once so many replies, or the end, are there."""

    async def use(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
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

    return asyncio.run(served(use))


def request(path=CHAT, body=ASKED):
    """Write a request."""
    data = json.dumps(body).encode()
    return b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(data), data)


def test_a_call_gets_a_whole_reply():
    """
    The reply has the form of OpenAI's.
    """
    reply = post(CHAT)

    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"] == TEXT
    assert reply.json()["usage"]["total_tokens"] == 11


def test_structured_output_is_json():
    """
    Where a response format is asked for, the content is JSON.
    """
    reply = post(CHAT, ASKED | {"response_format": {"type": "json_object"}})

    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == OBJECT


@pytest.mark.parametrize(("path", "count"), [(CHAT, CHUNKS), (f"/chunks-3-delay-1{CHAT}", 3)])
def test_a_stream_has_its_chunks_a_reason_usage_and_an_end(path, count):
    """
    A stream is what OpenAI's is: chunks of text, the reason for the end, usage, and the marker.
    """
    *events, last = post(path, ASKED | {"stream": True}).text.strip().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]

    assert last == "data: [DONE]"
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks[:-2]] == [word(one) for one in range(count)]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == count


def test_no_two_chunks_are_the_same():
    """
    A client that ends streams whose chunks repeat reads this one to its end.
    """
    assert len({word(one) for one in range(CHUNKS)}) == CHUNKS


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_is_what_the_path_says(streamed):
    """
    The status is the path's, for streams too, and the body has the form of OpenAI's errors.
    """
    reply = post(f"/error-429{CHAT}", ASKED | {"stream": streamed})

    assert reply.status_code == 429
    assert reply.json()["error"]["code"] == "429"


@pytest.mark.parametrize("path", ["/", "/v1/chat", "/fixed-x/v1/chat/completions", "/slow-1/v1/chat/completions"])
def test_what_the_path_does_not_say_is_not_found(path):
    """
    A condition that is mistyped is no reply without it.
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
def test_what_is_no_request_is_refused_and_hung_up(sent, status):
    """
    After what cannot be understood, the rest of the connection means nothing.
    """
    received, ended = raw(sent, replies=9)

    assert received.startswith(b"HTTP/1.1 " + status)
    assert ended


class Written(asyncio.Queue):
    """What a connection writes: the little of a transport that it needs."""

    def write(self, data):
        self.put_nowait(data)

    def is_closing(self):
        return False


def test_a_request_waits_for_the_one_ahead_of_it():
    """
    What comes while a reply takes its time is answered after it.
    """

    async def use():
        connection = Connection(Count())
        written = Written()
        connection.connection_made(written)
        connection.data_received(request(f"/fixed-5{CHAT}"))
        connection.data_received(request(f"/error-500{CHAT}"))
        return [await written.get() for _ in range(2)]

    first, second = asyncio.run(use())

    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 500")


def test_a_connection_serves_one_request_after_the_other():
    """
    Requests that come at once are answered in their order, and the connection stays.
    """
    received, ended = raw(request(f"/fixed-5{CHAT}") + request(f"/error-500{CHAT}"), replies=2)

    assert received.index(b"200 OK") < received.index(b"500 Internal")
    assert not ended


@settings(max_examples=20)
@given(st.lists(st.integers(1, 200), max_size=6))
def test_how_a_request_is_cut_changes_nothing(cuts):
    """
    The same bytes in other pieces get the same replies.
    """
    sent = request() + request(f"/error-404{CHAT}")
    edges = [0, *sorted({min(cut, len(sent)) for cut in cuts}), len(sent)]
    pieces = [sent[start:end] for start, end in itertools.pairwise(edges) if start < end]

    assert raw(*pieces, replies=2) == raw(sent, replies=2)


@given(st.binary(max_size=60))
def test_no_path_breaks_the_server(path):
    """
    Any bytes in place of a path are understood, or are not.
    """
    found = plan(path)

    assert found is None or found.status >= 200


def test_the_lognormal_latency_has_the_mean_that_its_name_says():
    """
    The first number of a lognormal latency is its mean, in milliseconds.
    """
    drawn = [plan(b"/lognormal-500-0.5/v1/chat/completions").latency() for _ in range(20_000)]

    assert sum(drawn) / len(drawn) == pytest.approx(0.5, rel=0.02)


def test_statistics_tell_what_came_and_begin_anew():
    """
    The first look counts the calls, and the second none.
    """

    async def use(port):
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            await asyncio.gather(*(client.post(f"/fixed-20{CHAT}", json=ASKED) for _ in range(4)))
            return [(await client.get("/stats")).json() for _ in range(2)]

    first, second = asyncio.run(served(use))

    assert first["requests"] == 4
    assert 0 < first["mean_in_flight"] <= 4
    assert second["requests"] == 0


def test_the_mean_in_flight_is_weighed_by_time():
    """
    Two requests for one second and none for three are half a request in flight.
    """
    count = Count()
    count.look(10.0)
    count.change(2, 10.0)
    count.change(-2, 11.0)

    assert count.look(14.0)["mean_in_flight"] == 0.5
