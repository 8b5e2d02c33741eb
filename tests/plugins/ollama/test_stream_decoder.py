from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.errors import (
    BadResponseError,
    NotFoundError,
    ProviderError,
    ServerError,
    StreamInterruptedError,
    UnsupportedParameterError,
)
from budwood.types import (
    ChatRequest,
    Finished,
    HTTPReply,
    Message,
    ReasoningDelta,
    ReplyHead,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallPart,
    UsageReported,
)
from budwood_ollama.errors import make_error_in_success
from budwood_ollama.stream_decoder import ChatStreamDecoder

REQUEST = ChatRequest(model="qwen3", messages=(Message.user("Hello"),))


@pytest.fixture
def decode(ollama):
    """
    Decode a stream; return its events and the response.
    """

    def decode_stream(chunks, request=REQUEST, **headers):
        decoder = ollama().decoder(request, ReplyHead(200, headers))
        events = [event for chunk in chunks for event in decoder.feed(chunk)]
        events += decoder.close()
        builder = ResponseBuilder()
        builder.add(events)
        return events, builder.build()

    return decode_stream


def test_a_plain_stream(decode, lines):
    """
    Thinking, text, the end, then usage and durations.
    """
    events, response = decode(lines({"thinking": "Ray"}, {"thinking": "leigh."}, {"content": "Bl"}, {"content": "ue."}))

    assert [event for event in events if isinstance(event, ReasoningDelta | TextDelta)] == [
        ReasoningDelta("Ray"), ReasoningDelta("leigh."), TextDelta("Bl"), TextDelta("ue.")
    ]  # fmt: skip
    assert events[0] == ResponseStarted(None, "qwen3")
    assert Finished("stop", "stop") in events
    assert (response.text, response.reasoning) == ("Blue.", "Rayleigh.")
    assert response.metadata["total_duration"] == 2685412125


def test_a_reply_and_its_stream_agree(decode, ollama, answer, lines):
    """
    The same message, complete and streamed, gives the same response, except for ``raw``.
    """
    call = {"function": {"name": "clock", "arguments": {}, "thought_signature": "s"}}
    body = answer("Hi", message={"thinking": "Greet.", "tool_calls": [call]}, remote_host="h")
    assembled = ollama().decode(REQUEST, HTTPReply(ReplyHead(200, {"x-request-id": "r1"}), json.dumps(body).encode()))

    last = answer(remote_host="h")
    _, streamed = decode(
        lines({"thinking": "Greet."}, {"content": "Hi"}, {"tool_calls": [call]}, last=last), **{"x-request-id": "r1"}
    )
    _, complete = decode([json.dumps(body).encode()], **{"x-request-id": "r1"})

    assert streamed == complete == assembled.model_copy(update={"raw": None})


def test_calls_get_numbers(decode, lines):
    """
    Each call is separate, although servers send the same index; numbers continue over lines and rounds.
    """
    call = {"function": {"index": 0, "name": "clock", "arguments": {}}}
    earlier = Message(role="assistant", parts=(ToolCallPart(id="call_0", name="clock"),))
    request = ChatRequest(model="qwen3", messages=(*REQUEST.messages, earlier))
    events, response = decode(lines({"tool_calls": [call, call]}, {"tool_calls": [call]}), request)

    assert [event.index for event in events if isinstance(event, ToolCallDelta)] == [0, 1, 2]
    assert [tool_call.id for tool_call in response.tool_calls] == ["call_1", "call_2", "call_3"]
    assert response.finish_reason == "tool_calls"


def test_a_line_with_only_tool_calls(decode):
    """
    Lines may leave out empty content.
    """
    line = {"message": {"role": "assistant", "tool_calls": [{"function": {"name": "clock"}}]}, "done": True}
    _, response = decode([json.dumps(line).encode()])

    assert [tool_call.name for tool_call in response.tool_calls] == ["clock"]


def test_log_probabilities_are_joined(decode, lines, answer):
    """
    Each line has those of its own tokens.
    """
    stream_lines = [
        json.loads(line) for line in lines({"content": "a"}, {"content": "b"}, last=answer(logprobs=[{"token": "c"}]))
    ]
    stream_lines[0]["logprobs"], stream_lines[1]["logprobs"] = [{"token": "a"}], [{"token": "b"}]
    _, response = decode([json.dumps(line).encode() + b"\n" for line in stream_lines])

    assert [one["token"] for one in response.metadata["logprobs"]] == ["a", "b", "c"]


def test_usage_comes_after_the_end(decode, lines):
    """
    The last line has the counts.
    """
    events, _ = decode(lines({"content": "Hi"}))

    (usage,) = [event.usage for event in events if isinstance(event, UsageReported)]
    assert (usage.input_tokens, usage.output_tokens) == (21, 7)


@pytest.mark.parametrize(
    ("text", "expected", "status"),
    [
        ("an unknown error was encountered while running the model", ServerError, 500),
        ("model 'x' not found", NotFoundError, 404),
        ('"x" does not support tools', UnsupportedParameterError, 400),
    ],
)
def test_an_error_in_the_stream_follows_earlier_events(ollama, lines, text, expected, status):
    """
    A line with an error raises it after the events before it, with the status of such an error reply.
    """
    decoder = ollama().decoder(REQUEST, ReplyHead(200, {}))
    first, _ = lines({"content": "Hi"})
    reported = decoder.feed(first + json.dumps({"error": text}).encode() + b"\n")

    assert TextDelta("Hi") in reported
    with pytest.raises(expected, match=text) as raised:
        decoder.close()
    assert raised.value.status == status


def test_a_stream_without_its_last_line_was_interrupted(decode, lines):
    """
    Only ``done`` completes a reply.
    """
    with pytest.raises(StreamInterruptedError):
        decode(lines({"content": "Hi"})[:-1])
    with pytest.raises(StreamInterruptedError):
        decode([])


@pytest.mark.parametrize("body", [b"<html>\n", b"[]\n", b'{"model": \n'])
def test_lines_that_are_not_objects_are_an_error(decode, body):
    """
    A proxy's page is described, and is not the end of a stream.
    """
    with pytest.raises(BadResponseError):
        decode([body])


LINES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "message": st.fixed_dictionaries(
                    {}, optional={"content": st.text(max_size=5), "thinking": st.text(max_size=5)}
                )
            },
            optional={"done": st.booleans(), "done_reason": st.sampled_from(["stop", "length"])},
        ),
        st.just({"error": "no"}),
    ),
    max_size=6,
)


@given(LINES, st.data())
def test_splits_change_nothing(stream_lines, data):
    """
    However the bytes are split, the events and the final error are the same.
    """
    body = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in stream_lines)
    places = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=8)))
    chunks = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    assert decode_all(chunks) == decode_all([body])


def decode_all(chunks):
    """
    List the events of a stream, and the error with which it ended.
    """
    head = ReplyHead(200, {})
    decoder = ChatStreamDecoder(REQUEST, head, make_error=lambda line: make_error_in_success(head, line))
    events = []
    try:
        for chunk in chunks:
            events += decoder.feed(chunk)
        events += decoder.close()
    except ProviderError as error:
        events.append((type(error), error.message))
    return events
