from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.errors import BadResponseError, CapacityError, QuotaExhaustedError, ServerError, StreamInterruptedError
from budwood.types import (
    ChatRequest,
    Finished,
    HTTPReply,
    Message,
    ReasoningPart,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    Restarted,
    TextDelta,
    TextPart,
    ToolCallPart,
    UsageReported,
    VendorPart,
)
from budwood_anthropic.stream_decoder import MessageStreamDecoder

REQUEST = ChatRequest(model="claude", messages=(Message.user("Hi"),))
HEAD = ReplyHead(200, {"request-id": "req_1"})
START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3}}}
STOP = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]


def sse(*events):
    """
    Write events as the vendor does: each with its name.
    """
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def block(index, started, *deltas):
    """
    Create the events of one content block.
    """
    return [
        {"type": "content_block_start", "index": index, "content_block": started},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text_block(index, *texts, citation=None):
    """
    Create the events of a text.
    """
    deltas = [{"type": "text_delta", "text": text} for text in texts]
    cited = [{"type": "citations_delta", "citation": citation}] if citation else []
    return block(index, {"type": "text", "text": ""}, *deltas, *cited)


def decode_stream(provider, chunks, head=HEAD):
    """
    Decode a complete stream.
    """
    decoder = provider.decoder(REQUEST, head)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.close()]


def build_response(events):
    """
    Build the response of a stream.
    """
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def decode_parts(provider, *events):
    """
    Decode the content of a stream.
    """
    return build_response(decode_stream(provider, sse(START, *events, *STOP))).message.parts


def test_a_plain_stream(make_provider):
    """
    It yields start, texts, end and usage; pings are ignored.
    """
    events = decode_stream(make_provider(), sse(START, {"type": "ping"}, *text_block(0, "Hel", "lo"), *STOP))

    assert events[0] == ResponseStarted("msg_1", "claude")
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("Hel"), TextDelta("lo")]
    assert Finished("stop", "end_turn") in events
    response = build_response(events)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (3, 5)
    assert response.request_id == "req_1"


def test_usage_is_cumulative(make_provider):
    """
    The counts at the end replace those at the start; missing counts are unchanged.
    """
    started = {"input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 4, "output_tokens": 1}
    start = {"type": "message_start", "message": {"usage": started}}
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 9, "output_tokens": 7},
    }
    reports = [
        event.usage for event in decode_stream(make_provider(), sse(start, end)) if isinstance(event, UsageReported)
    ]

    assert [usage.output_tokens for usage in reports] == [1, 7]
    last = reports[-1]
    assert (last.input_tokens, last.uncached_input_tokens) == (23, 9)
    assert (last.cache_read_tokens, last.cache_write_tokens, last.reasoning_tokens) == (10, 4, None)


def test_thinking_keeps_its_signature(make_provider):
    """
    Thinking is reported as it arrives, and closed with its signature; redacted thinking too.
    """
    deltas = [{"type": "thinking_delta", "thinking": "H"}, {"type": "thinking_delta", "thinking": "m"}]
    parts = decode_parts(
        make_provider(),
        *block(0, {"type": "thinking", "thinking": ""}, *deltas, {"type": "signature_delta", "signature": "sig"}),
        *block(1, {"type": "redacted_thinking", "data": "xyz"}),
        *text_block(2, "Yes"),
    )

    assert parts == (
        ReasoningPart(text="Hm", provider="anthropic", data={"type": "thinking", "signature": "sig"}),
        ReasoningPart(text="", provider="anthropic", data={"type": "redacted_thinking", "data": "xyz"}),
        TextPart(text="Yes"),
    )


def test_citations_stay_with_their_text(make_provider):
    """
    Consecutive texts stay separate.
    """
    citation = {"type": "char_location", "cited_text": "blue"}
    parts = decode_parts(make_provider(), *text_block(0, "It is "), *text_block(1, "bl", "ue", citation=citation))

    assert parts == (
        TextPart(text="It is "),
        TextPart(text="blue", provider="anthropic", data={"citations": [citation]}),
    )


def test_tool_calls_have_their_own_numbers(make_provider):
    """
    Fragments of arguments are joined; a call without arguments has an empty object; a call by code keeps its caller.
    """
    fragments = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"city"', ': "Oslo"}')]
    caller = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    parts = decode_parts(
        make_provider(),
        *text_block(0, "Let me see."),
        *block(1, {"type": "tool_use", "id": "a", "name": "weather", "input": {}}, *fragments),
        *block(2, {"type": "tool_use", "id": "b", "name": "now", "input": {}, "caller": {"type": "direct"}}),
        *block(3, {"type": "tool_use", "id": "c", "name": "then", "input": {"x": 1}, "caller": caller}),
    )

    assert parts[1:] == (
        ToolCallPart(id="a", name="weather", arguments='{"city": "Oslo"}'),
        ToolCallPart(id="b", name="now", arguments="{}"),
        ToolCallPart(id="c", name="then", arguments='{"x":1}', provider="anthropic", data={"caller": caller}),
    )


def test_unknown_content_becomes_vendor_parts(make_provider):
    """
    Calls and results of the vendor's tools, and unknown kinds of blocks and deltas, are complete.
    """
    query = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"query": ', '"sky"}')]
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "https://example.com"}]}
    unknown_block = {"type": "compaction", "content": None}
    chunks = [{"type": "compaction_delta", "content": "So "}, {"type": "compaction_delta", "content": "far"}]

    parts = decode_parts(
        make_provider(), *block(0, {**search, "input": {}}, *query), *block(1, found), *block(2, unknown_block, *chunks)
    )

    assert parts == (
        VendorPart(provider="anthropic", kind="server_tool_use", data={**search, "input": {"query": "sky"}}),
        VendorPart(provider="anthropic", kind="web_search_tool_result", data=found),
        VendorPart(provider="anthropic", kind="compaction", data={"type": "compaction", "content": "So far"}),
    )


def test_other_fields_are_metadata(make_provider):
    """
    Details of the stop reason, the container and unknown events are metadata.
    """
    details = {"type": "refusal", "category": "cyber"}
    end = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details, "stop_sequence": None}}
    response = build_response(
        decode_stream(make_provider(), sse(START, {"type": "weather_report", "sky": "blue"}, end))
    )

    assert (response.finish_reason, response.raw_finish_reason) == ("refusal", "refusal")
    assert response.metadata == {"stop_details": details, "weather_report": {"type": "weather_report", "sky": "blue"}}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "other"),
        ("of_tomorrow", "other"),
    ],
)
def test_every_stop_reason_is_converted(make_provider, raw, reason):
    """
    The vendor's own reason is the raw one.
    """
    assert Finished(reason, raw) in decode_stream(
        make_provider(), sse(START, {"type": "message_delta", "delta": {"stop_reason": raw}})
    )


def test_a_second_start_replaces_the_first(make_provider):
    """
    If a gateway fails over during a reply, the content before is discarded.
    """
    again = {"type": "message_start", "message": {"id": "msg_2", "model": "claude"}}
    cut_off = text_block(0, "Hel")[:-1]
    events = decode_stream(make_provider(), sse(START, *cut_off, again, *text_block(0, "Hello"), *STOP))

    assert Restarted("the vendor restarted the reply") in events
    assert build_response(events).message.parts == (TextPart(text="Hello"),)
    assert build_response(events).id == "msg_2"


def test_open_blocks_are_closed_at_the_end(make_provider):
    """
    A tool call is complete even if a gateway leaves out the end of its block.
    """
    started = block(0, {"type": "tool_use", "id": "a", "name": "now", "input": {}})[:-1]

    assert decode_parts(make_provider(), *started) == (ToolCallPart(id="a", name="now", arguments="{}"),)


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, CapacityError, True),
        ({"type": "api_error", "message": "Internal"}, ServerError, True),
        ({"type": "news_error", "message": "?"}, ServerError, True),
        (
            {"type": "rate_limit_error", "message": "x", "details": {"error_code": "enforced_spend_limit_reached"}},
            QuotaExhaustedError,
            False,
        ),
    ],
)
def test_an_error_inside_the_stream_is_raised(make_provider, error, kind, retryable):
    """
    An error event has the class of its type; events before it are returned first.
    """
    decoder = make_provider().decoder(REQUEST, HEAD)
    chunks = sse(START, *text_block(0, "Hi"), {"type": "error", "error": error, "request_id": "req_2"})
    events = decoder.feed(b"".join(chunks))

    assert TextDelta("Hi") in events
    with pytest.raises(kind) as caught:
        decoder.close()
    assert caught.value.retryable is retryable
    assert error["message"] in str(caught.value)
    assert caught.value.request_id == "req_1"


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_stream_without_its_end_was_interrupted(make_provider, length):
    """
    Without a stop reason or ``message_stop`` the reply is incomplete.
    """
    decoder = make_provider().decoder(REQUEST, HEAD)
    for chunk in sse(START, *text_block(0, "Hi"))[:length]:
        decoder.feed(chunk)

    with pytest.raises(StreamInterruptedError):
        decoder.close()


@pytest.mark.parametrize("last", [[{"type": "message_stop"}], STOP[:1]])
def test_either_end_completes_a_reply(make_provider, last):
    """
    A stop reason, or ``message_stop`` alone, which has no reason.
    """
    response = build_response(decode_stream(make_provider(), sse(START, *text_block(0, "Hi"), *last)))

    assert response.text == "Hi"
    assert response.finish_reason == ("other" if last[0]["type"] == "message_stop" else "stop")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_start"},
        {"type": "message_start", "message": 3},
        {"type": "content_block_start", "index": 0},
    ],
)
def test_incomplete_events_are_errors(make_provider, event):
    """
    An event without its required field raises BadResponseError.
    """
    with pytest.raises(BadResponseError):
        decode_stream(make_provider(), sse(event))


def test_a_complete_reply_in_place_of_a_stream_is_decoded(make_provider):
    """
    Some gateways answer a streaming request with a complete message.
    """
    message = {"id": "msg_1", "model": "claude", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}
    response = build_response(decode_stream(make_provider(), [json.dumps(message).encode()]))

    assert (response.text, response.finish_reason, response.id) == ("Hi", "stop", "msg_1")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_decoder(data):
    """
    Any bytes are decoded, or raise an error of Budwood.
    """
    decoder = MessageStreamDecoder(
        HEAD,
        limits=None,
        decode_body=lambda _reply: pytest.fail("no reply"),
        make_error=lambda _error: ServerError("x"),
    )
    try:
        decoder.feed(b"data: " + data.replace(b"\n", b"") + b"\n\n")
        decoder.close()
    except (BadResponseError, ServerError, StreamInterruptedError):
        pass


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.data())
def test_splits_change_nothing(texts, data):
    """
    However the bytes are split, the events are the same.
    """
    body = b"".join(sse(START, *text_block(0, *texts), *STOP))
    place = data.draw(st.integers(0, len(body)))

    def decoded(chunks):
        decoder = MessageStreamDecoder(
            HEAD, limits=None, decode_body=lambda _reply: None, make_error=lambda _error: None
        )
        return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.close()

    assert decoded([body[:place], body[place:]]) == decoded([body])


def test_a_reply_and_its_stream_agree(make_provider):
    """
    The same message, complete and streamed, gives the same response.
    """
    content = [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "text", "text": "Blue", "citations": [{"type": "char_location"}]},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
    ]
    usage = {"input_tokens": 3, "output_tokens": 5}
    message = {"id": "m", "model": "claude", "content": content, "stop_reason": "tool_use", "usage": usage}
    assembled = make_provider().decode(REQUEST, HTTPReply(HEAD, json.dumps(message).encode()))
    start = {"type": "message_start", "message": {**message, "content": []}}
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage}
    blocks = [event for index, started in enumerate(content) for event in block(index, started)]
    streamed = build_response(decode_stream(make_provider(), sse(start, *blocks, end)))

    assert streamed.model_dump(exclude={"raw"}) == assembled.model_dump(exclude={"raw"})
    assert not any(
        isinstance(event, ResponseMetadata) and event.data for event in decode_stream(make_provider(), sse(start, end))
    )


def test_a_message_that_is_complete_at_its_start(make_provider):
    """
    Calls by code arrive in ``message_start``, together with the stop reason.
    """
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    message = {"id": "m", "model": "claude", "content": [call], "stop_reason": "tool_use", "usage": {}}
    response = build_response(
        decode_stream(make_provider(), sse({"type": "message_start", "message": message}, {"type": "message_stop"}))
    )

    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "tool_use")
    assert [(call.name, call.parse_arguments()) for call in response.tool_calls] == [("f", {"x": 1})]
