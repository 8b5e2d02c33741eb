from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.errors import BadResponseError, InvalidRequestError, RateLimitError, ServerError, StreamInterruptedError
from budwood.types import (
    ChatRequest,
    Finished,
    HTTPReply,
    Message,
    ReasoningDelta,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    VendorPart,
)
from budwood_openai_compatible.responses import ResponsesStreamDecoder, decode_response
from budwood_testing import sse
from tests.responses import call, events, message, reasoning, refusal, response, stream

REQUEST = ChatRequest(model="m", messages=(Message.user("Hello"),))
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
EVERYTHING = (
    reasoning("Hm."),
    message("Let me see.", phase="commentary"),
    SEARCH,
    call("weather", '{"city":"Malmö"}', 1),
    call("time", "{}", 2),
    message("Done.", id="msg_2"),
    refusal("No more."),
)


@pytest.fixture
def decoder(new_provider):
    """
    Create the decoder of a stream.
    """
    return lambda: new_provider(api="responses").decoder(REQUEST, ReplyHead(200, {"x-request-id": "req_1"}))


def read(decoder, chunks):
    """
    Decode a complete stream.
    """
    decoded = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*decoded, *decoder.close()]


def build(decoded):
    """
    Build the response of events.
    """
    builder = ResponseBuilder()
    builder.add(decoded)
    return builder.build()


def test_streamed_and_complete_replies_are_equal(decoder):
    """
    The same items have the same message, finish reason, usage and metadata, streamed or not.
    """
    streamed = build(read(decoder(), stream(*EVERYTHING, service_tier="flex")))
    body = response(*EVERYTHING, service_tier="flex")
    complete = decode_response(body, HTTPReply(ReplyHead(200, {"x-request-id": "req_1"}), b""), vendor="my-server")

    assert streamed == complete.model_copy(update={"raw": None})


def test_deltas(decoder):
    """
    Deltas are emitted as they are received, those of calls with the index of the item.
    """
    decoded = read(decoder(), stream(message("Hi"), call("a", "{}", 1), call("b", "[]", 2)))

    assert [event.text for event in decoded if isinstance(event, TextDelta)] == ["H", "i"]
    fragments = [(event.index, event.id, event.arguments) for event in decoded if isinstance(event, ToolCallDelta)]
    assert fragments == [
        (1, "call_1", ""),
        (1, None, "{"),
        (1, None, "}"),
        (2, "call_2", ""),
        (2, None, "["),
        (2, None, "]"),
    ]


def test_start(decoder):
    """
    Id, model and the values of the headers are emitted with the first event.
    """
    first, second, *_ = decoder().feed(stream(message("Hi"))[0])

    assert first == ResponseStarted("resp_1", "scripted")
    assert isinstance(second, ResponseMetadata)
    assert second.request_id == "req_1"


def test_summaries_are_separated(decoder):
    """
    Summaries are separated by an empty line, and replaced by the item at the end.
    """
    item = reasoning("One.", "Two.")
    parts = [
        event
        for text in ("One.", "Two.")
        for event in (
            {"type": "response.reasoning_summary_part.added", "output_index": 0},
            {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": text},
        )
    ]
    first, *later = events(item)
    decoded = read(decoder(), sse(first, *parts, *later, done=False))

    assert [event.text for event in decoded if isinstance(event, ReasoningDelta)] == ["One.", "\n\n", "Two."]
    assert build(decoded).message.parts[0].data == item


def test_empty_delta_of_arguments(decoder):
    """
    An empty delta of arguments has no effect.
    """
    empty = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": ""}
    first, added, *later = events(call("now", "{}"))

    (tool_call,) = build(read(decoder(), sse(first, added, empty, *later, done=False))).tool_calls

    assert (tool_call.name, tool_call.arguments) == ("now", "{}")


def test_items_without_deltas(decoder):
    """
    Text of items without deltas is emitted once.
    """
    without_deltas = [event for event in events(*EVERYTHING) if not event["type"].endswith(".delta")]
    decoded = read(decoder(), sse(*without_deltas, done=False))

    assert "".join(event.text for event in decoded if isinstance(event, TextDelta)) == "Let me see.Done."
    assert build(decoded).message == build(read(decoder(), stream(*EVERYTHING))).message


def test_incomplete_item_is_emitted_at_the_end(decoder):
    """
    The last item of an incomplete response is emitted with the response.
    """
    truncated = message("Once upon", status="incomplete")
    details = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    decoded = read(
        decoder(),
        sse(
            *(
                e
                for e in events(truncated, end="response.incomplete", **details)
                if not e["type"].endswith("item.done")
            ),
            done=False,
        ),
    )
    partial = build(decoded)

    assert (partial.text, partial.finish_reason, partial.usage.output_tokens) == ("Once upon", "length", 7)
    assert partial.message.parts[0].data["message"]["status"] == "incomplete"


def test_progress_and_unknown_events_are_skipped(decoder):
    """
    Events about the server's own tools are skipped, because their items have the results.
    """
    first, *later = events(SEARCH, message("Hi"))
    progress = [{"type": kind, "output_index": 0} for kind in ("response.web_search_call.searching", "response.new")]

    parts = build(read(decoder(), sse(first, *progress, *later, done=False))).message.parts

    assert parts[0] == VendorPart(provider="my-server", kind="web_search_call", data=SEARCH)
    assert parts[1].text == "Hi"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None},
        {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}},
        {"error": {"type": "rate_limit_error", "message": "Slow down."}},
        {
            "type": "response.failed",
            "response": response(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down."}),
        },
    ],
)
def test_errors_inside_a_stream_are_raised(decoder, event):
    """
    Errors in every form are raised, after the events before them.
    """
    reading = decoder()
    decoded = reading.feed(b"".join(sse(*events(message("Hi"))[:3], event, done=False)))

    assert any(isinstance(one, TextDelta) for one in decoded)
    with pytest.raises(RateLimitError, match=r"Slow down\."):
        reading.feed(b"")


@pytest.mark.parametrize(
    ("code", "kind"), [("server_error", ServerError), ("invalid_prompt", InvalidRequestError), (None, ServerError)]
)
def test_error_has_the_class_of_its_code(decoder, code, kind):
    """
    An error without a code is a server error.
    """
    with pytest.raises(kind) as caught:
        decoder().feed(b"".join(sse({"type": "error", "code": code, "message": "It broke."}, done=False)))

    assert caught.value.code == code


@pytest.mark.parametrize("length", [1, 3, 5])
def test_stream_without_an_end_is_interrupted(decoder, length):
    """
    Neither the end of the bytes nor [DONE] ends the response.
    """
    reading = decoder()
    reading.feed(b"".join(sse(*events(message("Hi"))[:length])))

    with pytest.raises(StreamInterruptedError):
        reading.close()


def test_complete_reply_in_place_of_a_stream(decoder):
    """
    A complete reply to a streaming request is decoded.
    """
    decoded = read(decoder(), [json.dumps(response(message("Hi"))).encode()])

    assert "".join(event.text for event in decoded if isinstance(event, TextDelta)) == "Hi"
    assert isinstance(next(event for event in decoded if isinstance(event, Finished)), Finished)


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: 7\n\n", b"<html>"])
def test_other_data_is_an_error(decoder, data):
    """
    Invalid JSON and HTML raise `BadResponseError`.
    """
    with pytest.raises(BadResponseError):
        read(decoder(), [data])


@given(st.lists(st.integers(1, 400)))
def test_any_split_of_the_bytes_gives_the_same_events(lengths):
    """
    The events do not depend on how the bytes are split, also within a character.
    """
    body = b"".join(stream(*EVERYTHING))
    chunks = []
    for length in lengths:
        chunks.append(body[:length])
        body = body[length:]

    assert read(plain_decoder(), [*chunks, body]) == read(plain_decoder(), stream(*EVERYTHING))


def plain_decoder():
    """
    Create the decoder of a stream without errors.
    """
    return ResponsesStreamDecoder(ReplyHead(200, {}), vendor="my-server", decode_body=None, convert_error=None)


def test_item_with_two_indexes_is_emitted_once(decoder):
    """
    An item with different indexes in events and in the final list is emitted once.
    """
    decoded = [{**event, "output_index": 2} if "output_index" in event else event for event in events(message("Hi"))]

    assert build(read(decoder(), sse(*decoded, done=False))).text == "Hi"
