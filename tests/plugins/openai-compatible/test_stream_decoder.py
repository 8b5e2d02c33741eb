from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.errors import (
    BadResponseError,
    InvalidRequestError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from budwood.types import (
    ChatRequest,
    Finished,
    HTTPReply,
    Message,
    ReasoningPart,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    TextDelta,
    TextPart,
    VendorPart,
)
from budwood_openai_compatible.stream_decoder import ChatStreamDecoder
from budwood_testing import chat_chunks, chat_reply, sse

REQUEST = ChatRequest(model="m", messages=(Message.user("Hello"),))
HEAD = ReplyHead(200, {})


def decode_stream(provider, chunks, head=HEAD):
    """
    Decode a complete stream.
    """
    decoder = provider.decoder(REQUEST, head)
    events = [event for data in chunks for event in decoder.feed(data)]
    return [*events, *decoder.close()]


def build(events):
    """
    Build the response of events.
    """
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def chunk(delta=None, finish_reason=None, **more):
    """
    Create a chunk with one choice.
    """
    return {"id": "c", "model": "m", "choices": [{"delta": delta or {}, "finish_reason": finish_reason}], **more}


def calls(*fragments, finish_reason="tool_calls"):
    """
    Create a stream of fragments of tool calls, one in each chunk.
    """
    return sse(*(chunk({"tool_calls": [fragment]}) for fragment in fragments), chunk(finish_reason=finish_reason))


def call(name=None, arguments="", **more):
    """
    Create a fragment of a tool call.
    """
    return {"function": {"arguments": arguments} | ({"name": name} if name else {}), **more}


def test_openai_stream(new_provider):
    """
    A plain stream has a start, texts, an end, usage, and the values of the headers.
    """
    head = ReplyHead(200, {"x-request-id": "req_1", "x-ratelimit-limit-requests": "10"})
    events = decode_stream(new_provider(), sse(*chat_chunks(["Hel", "lo"])), head)
    response = build(events)

    assert events[0] == ResponseStarted("chatcmpl-1", "scripted")
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("Hel"), TextDelta("lo")]
    assert Finished("stop", "stop") in events
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 2)
    assert (response.request_id, response.rate_limits.limit_requests) == ("req_1", 10)


@pytest.mark.parametrize("fields", [{}, {"choices": []}, {"choices": None}])
def test_usage_in_any_chunk(new_provider, fields):
    """
    Usage is decoded from the chunk with the finish reason, from a later one, and if ``choices`` is missing.
    """
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    with_finish_reason = sse(chunk({"content": "Hi"}), chunk(finish_reason="stop", usage=usage))
    after_finish_reason = sse(
        chunk({"content": "Hi"}), chunk(finish_reason="stop"), {"id": "c", "usage": usage, **fields}
    )

    assert (
        build(decode_stream(new_provider(), with_finish_reason)).usage
        == build(decode_stream(new_provider(), after_finish_reason)).usage
    )
    assert build(decode_stream(new_provider(), after_finish_reason)).usage.total_tokens == 7


def test_running_usage(new_provider):
    """
    Usage that is reported with every chunk is a running total.
    """
    chunks_with_usage = [chunk({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": n}) for n in (1, 2, 3)]
    stream = sse(*chunks_with_usage, chunk(finish_reason="stop"))

    assert build(decode_stream(new_provider(), stream)).usage.output_tokens == 3


def test_choices_without_a_delta(new_provider):
    """
    Choices without ``delta`` and chunks without choices have no content; their metadata is preserved.
    """
    filtered = {"index": 0, "finish_reason": None, "content_filter_results": {"hate": {"filtered": False}}}
    without_content = [{"id": "", "choices": [], "prompt_filter_results": [1]}, {"id": "c", "choices": [filtered]}]
    response = build(
        decode_stream(
            new_provider(),
            sse(*without_content, chunk({"content": "Hi"}), chunk(finish_reason="stop"), without_content[1]),
        )
    )

    assert (response.text, response.finish_reason) == ("Hi", "stop")
    assert response.metadata == {"prompt_filter_results": [1], "content_filter_results": {"hate": {"filtered": False}}}


def test_start_with_the_first_id(new_provider):
    """
    Azure's first chunk has no id and model: the start is emitted with the next chunk, and the metadata is preserved.
    """
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [1]}
    events = decode_stream(new_provider(), sse(first, chunk({"content": "Hi"}), chunk(finish_reason="stop")))

    assert [event for event in events if isinstance(event, ResponseStarted)] == [ResponseStarted("c", "m")]
    assert events[0] == ResponseStarted("c", "m")
    assert build(events).metadata == {"prompt_filter_results": [1]}


def test_finish_reason_without_a_delta(new_provider):
    """
    A choice without ``delta`` can have the finish reason.
    """
    stream = sse(chunk({"content": "Hi"}), {"choices": [{"index": 0, "finish_reason": "content_filter"}]})

    assert build(decode_stream(new_provider(), stream)).finish_reason == "content_filter"


@pytest.mark.parametrize(
    "fragments",
    [
        [call("f", index=0, id="a"), call(None, '{"x"', index=0), call(None, ":1}", index=0), call("g", "{}", index=1)],
        [call("f", id="a"), call(None, '{"x"'), call(None, ":1}"), call("g", "{}", id="b")],
        [call("f", '{"x":1}', index=0, id="a"), call("g", "{}", index=0, id="b")],
        [call("f", '{"x":1}'), call("g", "{}")],
        [call("f", '{"x":1}', index=0, id=""), call("g", "{}", index=0, id="")],
        [call("f", '{"x"', index=0, id="a"), call("f", ":1}", index=0, id="a"), call("g", "{}", index=1, id="b")],
        [call("f", '{"x"', id="a"), call("f", ":1}", id="a"), call("g", "{}", id="b")],
        [call("f", {"x": 1}, index=0), call("g", {}, index=1)],
    ],
    ids=[
        "as OpenAI does",
        "no index",
        "complete calls with one index",
        "neither index nor id",
        "one index and empty ids",
        "name and id repeated",
        "name and id repeated, no index",
        "arguments as objects",
    ],
)
def test_fragments_are_assigned_to_calls(new_provider, fragments):
    """
    Two calls are decoded as two with unique ids, however a server numbers, names and splits them.
    """
    tool_calls = build(decode_stream(new_provider(), calls(*fragments))).tool_calls

    assert [(one.name, one.arguments) for one in tool_calls] == [("f", '{"x":1}'), ("g", "{}")]
    assert len({one.id for one in tool_calls} - {""}) == 2


def test_two_calls_without_index_and_ids(new_provider):
    """
    Without index and id, a name starts a call, also if it is the same name.
    """
    tool_calls = build(decode_stream(new_provider(), calls(call("f", '{"x":1}'), call("f", '{"x":2}')))).tool_calls

    assert [one.arguments for one in tool_calls] == ['{"x":1}', '{"x":2}']


def test_complete_calls_in_one_chunk(new_provider):
    """
    Several complete calls in one delta with text are all decoded.
    """
    both = {"content": "Let me see.", "tool_calls": [call("f", "{}", id="a"), call("g", "{}", id="b")]}
    response = build(decode_stream(new_provider(), sse(chunk(both, finish_reason="stop"))))

    assert response.text == "Let me see."
    assert [one.id for one in response.tool_calls] == ["a", "b"]
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "stop")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_and_text_in_one_delta(new_provider, name):
    """
    Reasoning and text of one delta are both decoded, reasoning first.
    """
    stream = sse(chunk({name: "2 and "}), chunk({name: "2", "content": "4"}), chunk(finish_reason="stop"))

    thought = ReasoningPart(text="2 and 2", provider="my-server", data=name)
    assert build(decode_stream(new_provider(), stream)).message.parts == (thought, TextPart(text="4"))


def test_content_list(new_provider):
    """
    Content parts are decoded in streams as in complete replies.
    """
    content = [{"type": "thinking", "thinking": [{"text": "2"}]}, {"type": "text", "text": "4"}, {"type": "image"}]
    response = build(decode_stream(new_provider(), sse(chunk({"content": content}), chunk(finish_reason="stop"))))

    assert (response.reasoning, response.text) == ("2", "4")
    assert response.message.parts[-1] == VendorPart(provider="my-server", kind="image", data={"type": "image"})


def test_refusal_is_a_part(new_provider):
    """
    A refusal is a part of its own, not text.
    """
    response = build(
        decode_stream(new_provider(), sse(chunk({"refusal": "I "}), chunk({"refusal": "cannot."}, "stop")))
    )

    assert response.text == ""
    assert [(part.type, part.text) for part in response.message.parts] == [("refusal", "I cannot.")]


def test_repeated_fields_are_emitted_once(new_provider):
    """
    Fields that every chunk repeats are emitted once, and a repeated channel does not split reasoning.
    """
    stream = [chunk({"reasoning": text, "channel": "analysis"}, service_tier="default") for text in ("2", " and 2")]
    events = decode_stream(new_provider(), sse(*stream, chunk(finish_reason="stop", service_tier="default")))

    assert build(events).message.parts == (
        VendorPart(provider="my-server", kind="channel", data="analysis"),
        ReasoningPart(text="2 and 2", provider="my-server", data="reasoning"),
    )
    assert len([event for event in events if isinstance(event, ResponseMetadata) and event.data]) == 1


def test_metadata_is_merged(new_provider):
    """
    An object that a later chunk extends is merged.
    """
    stream = sse(chunk({"content": "Hi"}, x_groq={"id": "r"}), chunk(finish_reason="stop", x_groq={"usage": 1}))

    assert build(decode_stream(new_provider(), stream)).metadata == {"x_groq": {"id": "r", "usage": 1}}


def test_logprobs_are_collected(new_provider):
    """
    The log probabilities of all chunks are collected.
    """
    stream = [chunk({"content": text}) for text in ("a", "b")] + [chunk(finish_reason="stop")]
    for number, one in enumerate(stream[:2]):
        one["choices"][0]["logprobs"] = {"content": [{"logprob": number}], "refusal": None}

    logprobs = build(decode_stream(new_provider(), sse(*stream))).metadata["logprobs"]
    assert logprobs["content"] == [{"logprob": 0}, {"logprob": 1}]


def test_stream_without_done(new_provider):
    """
    With a finish reason, ``[DONE]`` and the last newline may be missing.
    """
    chunks = sse(*chat_chunks(["Hi"]), done=False)
    chunks[-1] = chunks[-1].rstrip()

    assert build(decode_stream(new_provider(), chunks)).usage.input_tokens == 5


def test_done_without_a_finish_reason(new_provider):
    """
    ``[DONE]`` completes a reply without a finish reason.
    """
    response = build(decode_stream(new_provider(), sse(*chat_chunks(["Hi"], finish_reason=None))))

    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("Hi", "other", None)


@pytest.mark.parametrize(
    "chunks", [[], [b"\n"], [b": ping\n\n"], sse(*chat_chunks(["Hi"], finish_reason=None), done=False)]
)
def test_stream_without_an_end_is_interrupted(new_provider, chunks):
    """
    A stream without a finish reason and ``[DONE]`` is interrupted.
    """
    with pytest.raises(StreamInterruptedError):
        decode_stream(new_provider(), chunks)


def test_done_alone_is_an_interruption(new_provider):
    """
    A stream of only ``[DONE]`` is interrupted, not an empty reply.
    """
    with pytest.raises(StreamInterruptedError, match="before the reply started"):
        decode_stream(new_provider(), sse())


def test_one_of_two_choices_without_an_end_is_an_interruption(new_provider):
    """
    A stream of several choices is complete when all choices have ended.
    """
    second = {"id": "c", "choices": [{"index": 1, "delta": {"content": "b"}}]}
    with pytest.raises(StreamInterruptedError):
        decode_stream(new_provider(), sse(chunk({"content": "a"}), second, chunk(finish_reason="stop"), done=False))


def test_complete_reply_in_place_of_a_stream(new_provider):
    """
    A complete reply to a streaming request is decoded.
    """
    body = json.dumps(chat_reply("Hi", tool_calls=[call("f", "{}", id="a")])).encode()
    response = build(decode_stream(new_provider(), [body[:20], body[20:]]))

    assert (response.text, response.tool_calls[0].id, response.usage.output_tokens) == ("Hi", "a", 7)


@pytest.mark.parametrize("body", [b"<html><title>Sign in</title>", b'{"choices": [', b"[]"])
def test_other_body_in_place_of_a_stream(new_provider, body):
    """
    A login page, a truncated body and a list are errors, not empty replies.
    """
    with pytest.raises(BadResponseError):
        decode_stream(new_provider(), [body])


@pytest.mark.parametrize(
    ("error", "expected", "status"),
    [
        ({"error": {"message": "No.", "type": "server_error"}}, ServerError, 500),
        ({"error": {"message": "No.", "code": 429}}, RateLimitError, 429),
        ({"error": {"message": "No.", "code": "rate_limit_exceeded"}}, RateLimitError, 429),
        ({"error": {"message": "No.", "type": "invalid_request_error"}}, InvalidRequestError, 400),
        ({"error": {"message": "No.", "code": "3505"}}, ServerError, 500),
        ({"error": "No."}, ServerError, 500),
        ({"object": "error", "message": "No.", "type": "BadRequestError", "code": 400}, InvalidRequestError, 400),
    ],
)
def test_errors_inside_a_stream(new_provider, error, expected, status):
    """
    An error inside a stream has the class of its code, or is a server error; the text before it is emitted.
    """
    decoder = new_provider().decoder(REQUEST, HEAD)
    events = decoder.feed(b"".join(sse(chunk({"content": "Hi"}), error)))

    assert TextDelta("Hi") in events
    with pytest.raises(expected, match="No") as caught:
        decoder.close()
    assert (type(caught.value), caught.value.status) == (expected, status)


def test_an_event_named_error_is_an_error(new_provider):
    """
    The name of an event can mark it as an error.
    """
    with pytest.raises(ServerError, match="It broke"):
        decode_stream(new_provider(), [b'event: error\ndata: {"message": "It broke."}\n\n'])


def test_event_that_is_not_json_is_an_error(new_provider):
    """
    An event that is not JSON is an error.
    """
    with pytest.raises(BadResponseError, match="starts with 'nonsense'"):
        decode_stream(new_provider(), [b"data: nonsense\n\n"])


FRAGMENTS = st.builds(
    call,
    st.sampled_from([None, "f", "g"]),
    st.text(max_size=5),
    index=st.sampled_from([None, 0, 1]),
    id=st.sampled_from([None, "", "a", "b"]),
)
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": st.none() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2),
        "reasoning_content": st.none() | st.text(max_size=8),
        "refusal": st.none() | st.text(max_size=4),
        "tool_calls": st.none() | st.lists(FRAGMENTS, max_size=2),
        "channel": st.sampled_from(["analysis", "final"]),
    },
)
CHUNKS = st.builds(chunk, DELTAS, st.sampled_from([None, "", "stop"]), error=st.sampled_from([None, None, None, "No."]))
NEWLINES = st.sampled_from([b"\n", b"\r\n", b"\r"])


def collect_outcome(chunks):
    """
    Return the events of a stream, and at the end the error that it raises.
    """
    decoder = ChatStreamDecoder(
        HEAD, vendor="v", decode_body=_unexpected, convert_error=lambda error: ServerError(error["error"])
    )
    events = []
    try:
        for data in chunks:
            events += decoder.feed(data)
        return [*events, *decoder.close()]
    except ProviderError as error:
        return [*events, str(error)]


def _unexpected(reply: HTTPReply):
    raise AssertionError(f"decoded as a complete reply: {reply}")


@given(st.lists(CHUNKS, max_size=5), NEWLINES, st.booleans(), st.data())
def test_any_split_of_the_bytes_gives_the_same_events(chunks, newline, done, data):
    """
    Events and errors do not depend on how the bytes are split, also within characters and line ends.
    """
    events = sse(*chunks, done=done)
    body = b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + newline * 2 for one in chunks)
    body += events[-1] if done else b""
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    split = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    assert collect_outcome(split) == collect_outcome([body])
    assert collect_outcome([body[place : place + 1] for place in range(len(body))]) == collect_outcome([body])


@given(st.lists(st.text(max_size=10), max_size=5), st.lists(st.text(max_size=10), max_size=5))
def test_texts_are_joined(texts, arguments):
    """
    Texts and arguments are joined without loss.
    """
    stream = [chunk({"content": text}) for text in texts]
    stream += [chunk({"tool_calls": [call("f" if not n else None, one, index=0)]}) for n, one in enumerate(arguments)]
    response = build(collect_outcome(sse(*stream, chunk(finish_reason="stop"))))

    assert response.text == "".join(texts)
    assert "".join(one.arguments for one in response.tool_calls) == "".join(arguments)
