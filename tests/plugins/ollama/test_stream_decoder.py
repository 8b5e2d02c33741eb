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
def play(ollama):
    """
    Decode a stream; its events, and the response that they make.
    """

    def playing(pieces, request=REQUEST, **headers):
        decoder = ollama().decoder(request, ReplyHead(200, headers))
        events = [event for piece in pieces for event in decoder.feed(piece)]
        events += decoder.close()
        builder = ResponseBuilder()
        builder.add(events)
        return events, builder.build()

    return playing


def test_a_stream_is_told_as_it_comes(play, lines):
    """
    Thoughts, text, the end, then usage and the durations.
    """
    events, response = play(lines({"thinking": "Ray"}, {"thinking": "leigh."}, {"content": "Bl"}, {"content": "ue."}))

    assert [event for event in events if isinstance(event, ReasoningDelta | TextDelta)] == [
        ReasoningDelta("Ray"), ReasoningDelta("leigh."), TextDelta("Bl"), TextDelta("ue.")
    ]  # fmt: skip
    assert events[0] == ResponseStarted(None, "qwen3")
    assert Finished("stop", "stop") in events
    assert (response.text, response.reasoning) == ("Blue.", "Rayleigh.")
    assert response.metadata["total_duration"] == 2685412125


def test_a_stream_ends_as_the_whole_reply_would(play, ollama, answer, lines):
    """
    Whole and streamed, the same words make the same response, but for ``raw``.
    """
    call = {"function": {"name": "clock", "arguments": {}, "thought_signature": "s"}}
    body = answer("Hi", message={"thinking": "Greet.", "tool_calls": [call]}, remote_host="h")
    whole = ollama().decode(REQUEST, HTTPReply(ReplyHead(200, {"x-request-id": "r1"}), json.dumps(body).encode()))

    last = answer(remote_host="h")
    _, streamed = play(
        lines({"thinking": "Greet."}, {"content": "Hi"}, {"tool_calls": [call]}, last=last), **{"x-request-id": "r1"}
    )
    _, at_once = play([json.dumps(body).encode()], **{"x-request-id": "r1"})

    assert streamed == at_once == whole.model_copy(update={"raw": None})


def test_calls_come_whole_and_get_numbers(play, lines):
    """
    Every call is another, though servers write the same index for each; numbers go on over lines and rounds.
    """
    call = {"function": {"index": 0, "name": "clock", "arguments": {}}}
    earlier = Message(role="assistant", parts=(ToolCallPart(id="call_0", name="clock"),))
    request = ChatRequest(model="qwen3", messages=(*REQUEST.messages, earlier))
    events, response = play(lines({"tool_calls": [call, call]}, {"tool_calls": [call]}), request)

    assert [event.index for event in events if isinstance(event, ToolCallDelta)] == [0, 1, 2]
    assert [wanted.id for wanted in response.tool_calls] == ["call_1", "call_2", "call_3"]
    assert response.finish_reason == "tool_calls"


def test_a_line_of_tool_calls_alone_is_not_passed_over(play):
    """
    Lines may leave empty content out.
    """
    line = {"message": {"role": "assistant", "tool_calls": [{"function": {"name": "clock"}}]}, "done": True}
    _, response = play([json.dumps(line).encode()])

    assert [wanted.name for wanted in response.tool_calls] == ["clock"]


def test_log_probabilities_are_gathered(play, lines, answer):
    """
    Each line holds those of its own tokens; together they are what a whole reply says.
    """
    made = [
        json.loads(line) for line in lines({"content": "a"}, {"content": "b"}, last=answer(logprobs=[{"token": "c"}]))
    ]
    made[0]["logprobs"], made[1]["logprobs"] = [{"token": "a"}], [{"token": "b"}]
    _, response = play([json.dumps(line).encode() + b"\n" for line in made])

    assert [one["token"] for one in response.metadata["logprobs"]] == ["a", "b", "c"]


def test_usage_comes_after_the_end(play, lines):
    """
    The last line holds the counts.
    """
    events, _ = play(lines({"content": "Hi"}))

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
def test_an_error_inside_the_stream_comes_after_what_was_said(ollama, lines, text, expected, status):
    """
    Status 200 is no success: the line with the error raises it, once what stood before it has been told.

    It has the status that Ollama gives such an error elsewhere.
    """
    decoder = ollama().decoder(REQUEST, ReplyHead(200, {}))
    first, _ = lines({"content": "Hi"})
    told = decoder.feed(first + json.dumps({"error": text}).encode() + b"\n")

    assert TextDelta("Hi") in told
    with pytest.raises(expected, match=text) as raised:
        decoder.close()
    assert raised.value.status == status


def test_a_stream_without_its_last_line_was_interrupted(play, lines):
    """
    Only ``done`` says that the reply is complete.
    """
    with pytest.raises(StreamInterruptedError):
        play(lines({"content": "Hi"})[:-1])
    with pytest.raises(StreamInterruptedError):
        play([])


@pytest.mark.parametrize("body", [b"<html>\n", b"[]\n", b'{"model": \n'])
def test_lines_that_are_no_objects_are_the_servers_fault(play, body):
    """
    A proxy's page is not the end of a stream, but an error that says what came.
    """
    with pytest.raises(BadResponseError):
        play([body])


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
def test_the_cut_changes_nothing(made, data):
    """
    However the bytes arrive, the same events come in the same order, and the same error ends them.
    """
    body = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in made)
    places = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=8)))
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    assert played_out(pieces) == played_out([body])


def played_out(pieces):
    """
    List the events of a stream, and the error with which it ended.
    """
    head = ReplyHead(200, {})
    decoder = ChatStreamDecoder(REQUEST, head, make_error=lambda line: make_error_in_success(head, line))
    events = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events += decoder.close()
    except ProviderError as error:
        events.append((type(error), error.message))
    return events
