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


def play(provider, pieces, head=HEAD):
    """
    Decode a stream that is complete.
    """
    decoder = provider.decoder(REQUEST, head)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def built(events):
    """
    Put the response together.
    """
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def chunk(delta=None, finish_reason=None, **more):
    """
    Make a chunk of one choice.
    """
    return {"id": "c", "model": "m", "choices": [{"delta": delta or {}, "finish_reason": finish_reason}], **more}


def calls(*fragments, finish_reason="tool_calls"):
    """
    Make a stream of fragments of tool calls, one a chunk.
    """
    return sse(*(chunk({"tool_calls": [fragment]}) for fragment in fragments), chunk(finish_reason=finish_reason))


def call(name=None, arguments="", **more):
    """
    Make a fragment of a tool call.
    """
    return {"function": {"arguments": arguments} | ({"name": name} if name else {}), **more}


def test_a_stream_in_the_form_of_openai(speaker):
    """
    A plain stream yields its start, its texts, its end and its usage, and what the headers say.
    """
    head = ReplyHead(200, {"x-request-id": "req_1", "x-ratelimit-limit-requests": "10"})
    events = play(speaker(), sse(*chat_chunks(["Hel", "lo"])), head)
    response = built(events)

    assert events[0] == ResponseStarted("chatcmpl-1", "scripted")
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("Hel"), TextDelta("lo")]
    assert Finished("stop", "stop") in events
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 2)
    assert (response.request_id, response.rate_limits.limit_requests) == ("req_1", 10)


@pytest.mark.parametrize("fields", [{}, {"choices": []}, {"choices": None}])
def test_usage_may_come_anywhere(speaker, fields):
    """
    Usage is read from the chunk with the finish reason, from one after it, and where ``choices`` is absent.
    """
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    on_it = sse(chunk({"content": "Hi"}), chunk(finish_reason="stop", usage=usage))
    after_it = sse(chunk({"content": "Hi"}), chunk(finish_reason="stop"), {"id": "c", "usage": usage, **fields})

    assert built(play(speaker(), on_it)).usage == built(play(speaker(), after_it)).usage
    assert built(play(speaker(), after_it)).usage.total_tokens == 7


def test_a_later_usage_replaces_an_earlier_one(speaker):
    """
    Servers that report usage with every chunk report running totals.
    """
    running = [chunk({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": n}) for n in (1, 2, 3)]

    assert built(play(speaker(), sse(*running, chunk(finish_reason="stop")))).usage.output_tokens == 3


def test_choices_without_delta_and_chunks_without_choices_say_nothing(speaker):
    """
    A choice without ``delta`` and a chunk without choices are passed over, also after the end; what they note is kept.
    """
    filtered = {"index": 0, "finish_reason": None, "content_filter_results": {"hate": {"filtered": False}}}
    silent = [{"id": "", "choices": [], "prompt_filter_results": [1]}, {"id": "c", "choices": [filtered]}]
    response = built(play(speaker(), sse(*silent, chunk({"content": "Hi"}), chunk(finish_reason="stop"), silent[1])))

    assert (response.text, response.finish_reason) == ("Hi", "stop")
    assert response.metadata == {"prompt_filter_results": [1], "content_filter_results": {"hate": {"filtered": False}}}


def test_the_start_waits_for_an_id(speaker):
    """
    Azure's first chunk has neither id nor model: the start is told by the next, and what the first notes is kept.
    """
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [1]}
    events = play(speaker(), sse(first, chunk({"content": "Hi"}), chunk(finish_reason="stop")))

    assert [event for event in events if isinstance(event, ResponseStarted)] == [ResponseStarted("c", "m")]
    assert events[0] == ResponseStarted("c", "m")
    assert built(events).metadata == {"prompt_filter_results": [1]}


def test_a_blocked_stream_ends_without_delta(speaker):
    """
    A choice without ``delta`` can hold the finish reason.
    """
    stream = sse(chunk({"content": "Hi"}), {"choices": [{"index": 0, "finish_reason": "content_filter"}]})

    assert built(play(speaker(), stream)).finish_reason == "content_filter"


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
        "whole calls under one index",
        "neither index nor id",
        "one index and empty ids",
        "name and id repeated",
        "name and id repeated, no index",
        "arguments as objects",
    ],
)
def test_fragments_of_calls_find_their_call(speaker, fragments):
    """
    Two calls come out as two, however a server numbers, names and cuts them, and each has an id of its own.
    """
    found = built(play(speaker(), calls(*fragments))).tool_calls

    assert [(one.name, one.arguments) for one in found] == [("f", '{"x":1}'), ("g", "{}")]
    assert len({one.id for one in found} - {""}) == 2


def test_the_same_function_called_twice_without_index_and_ids(speaker):
    """
    Without index and id a name begins a call, be it the same.
    """
    found = built(play(speaker(), calls(call("f", '{"x":1}'), call("f", '{"x":2}')))).tool_calls

    assert [one.arguments for one in found] == ['{"x":1}', '{"x":2}']


def test_whole_calls_in_one_chunk(speaker):
    """
    Several whole calls in one delta, with text beside them, lose neither.
    """
    both = {"content": "Let me see.", "tool_calls": [call("f", "{}", id="a"), call("g", "{}", id="b")]}
    response = built(play(speaker(), sse(chunk(both, finish_reason="stop"))))

    assert response.text == "Let me see."
    assert [one.id for one in response.tool_calls] == ["a", "b"]
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "stop")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_beside_text(speaker, name):
    """
    A delta with reasoning and text loses neither; reasoning stands first.
    """
    stream = sse(chunk({name: "2 and "}), chunk({name: "2", "content": "4"}), chunk(finish_reason="stop"))

    thought = ReasoningPart(text="2 and 2", provider="my-server", data=name)
    assert built(play(speaker(), stream)).message.parts == (thought, TextPart(text="4"))


def test_content_may_be_a_list(speaker):
    """
    Pieces of content are read in streams as in whole replies.
    """
    pieces = [{"type": "thinking", "thinking": [{"text": "2"}]}, {"type": "text", "text": "4"}, {"type": "image"}]
    response = built(play(speaker(), sse(chunk({"content": pieces}), chunk(finish_reason="stop"))))

    assert (response.reasoning, response.text) == ("2", "4")
    assert response.message.parts[-1] == VendorPart(provider="my-server", kind="image", data={"type": "image"})


def test_a_refusal_is_no_text(speaker):
    """
    The model's words for refusing are a part of their own.
    """
    response = built(play(speaker(), sse(chunk({"refusal": "I "}), chunk({"refusal": "cannot."}, "stop"))))

    assert response.text == ""
    assert [(part.type, part.text) for part in response.message.parts] == [("refusal", "I cannot.")]


def test_an_unknown_field_is_kept_once_and_text_stays_whole(speaker):
    """
    What every chunk repeats is told once; a channel named by every delta does not cut reasoning into pieces.
    """
    stream = [chunk({"reasoning": text, "channel": "analysis"}, service_tier="default") for text in ("2", " and 2")]
    events = play(speaker(), sse(*stream, chunk(finish_reason="stop", service_tier="default")))

    assert built(events).message.parts == (
        VendorPart(provider="my-server", kind="channel", data="analysis"),
        ReasoningPart(text="2 and 2", provider="my-server", data="reasoning"),
    )
    assert len([event for event in events if isinstance(event, ResponseMetadata) and event.data]) == 1


def test_notes_that_grow_are_joined(speaker):
    """
    An object that the last chunk adds to keeps what the first one said.
    """
    stream = sse(chunk({"content": "Hi"}, x_groq={"id": "r"}), chunk(finish_reason="stop", x_groq={"usage": 1}))

    assert built(play(speaker(), stream)).metadata == {"x_groq": {"id": "r", "usage": 1}}


def test_logprobs_of_all_chunks_are_gathered(speaker):
    """
    Each chunk brings the log probabilities of its own tokens; the response holds those of all.
    """
    stream = [chunk({"content": text}) for text in ("a", "b")] + [chunk(finish_reason="stop")]
    for number, one in enumerate(stream[:2]):
        one["choices"][0]["logprobs"] = {"content": [{"logprob": number}], "refusal": None}

    logprobs = built(play(speaker(), sse(*stream))).metadata["logprobs"]
    assert logprobs["content"] == [{"logprob": 0}, {"logprob": 1}]


def test_a_missing_done_is_no_loss(speaker):
    """
    A finish reason is enough: ``[DONE]`` may be missing, as may the last newline.
    """
    pieces = sse(*chat_chunks(["Hi"]), done=False)
    pieces[-1] = pieces[-1].rstrip()

    assert built(play(speaker(), pieces)).usage.input_tokens == 5


def test_done_without_a_finish_reason(speaker):
    """
    ``[DONE]`` says that the reply is complete, though not why.
    """
    response = built(play(speaker(), sse(*chat_chunks(["Hi"], finish_reason=None))))

    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("Hi", "other", None)


@pytest.mark.parametrize(
    "pieces", [[], [b"\n"], [b": ping\n\n"], sse(*chat_chunks(["Hi"], finish_reason=None), done=False)]
)
def test_neither_finish_reason_nor_done_is_an_interruption(speaker, pieces):
    """
    A stream that just ends was interrupted.
    """
    with pytest.raises(StreamInterruptedError):
        play(speaker(), pieces)


def test_done_before_anything_was_said_is_an_interruption(speaker):
    """
    ``[DONE]`` completes a reply, and is none: a stream of nothing else is no empty answer.
    """
    with pytest.raises(StreamInterruptedError, match="before the reply started"):
        play(speaker(), sse())


def test_one_of_two_choices_without_an_end_is_an_interruption(speaker):
    """
    A stream of several choices is complete when all have ended.
    """
    second = {"id": "c", "choices": [{"index": 1, "delta": {"content": "b"}}]}
    with pytest.raises(StreamInterruptedError):
        play(speaker(), sse(chunk({"content": "a"}), second, chunk(finish_reason="stop"), done=False))


def test_a_whole_reply_in_place_of_a_stream(speaker):
    """
    A server that answers a request for a stream with a whole reply is understood.
    """
    body = json.dumps(chat_reply("Hi", tool_calls=[call("f", "{}", id="a")])).encode()
    response = built(play(speaker(), [body[:20], body[20:]]))

    assert (response.text, response.tool_calls[0].id, response.usage.output_tokens) == ("Hi", "a", 7)


@pytest.mark.parametrize("body", [b"<html><title>Sign in</title>", b'{"choices": [', b"[]"])
def test_something_else_in_place_of_a_stream(speaker, body):
    """
    A login page, a cut body or a list are errors, not empty answers.
    """
    with pytest.raises(BadResponseError):
        play(speaker(), [body])


@pytest.mark.parametrize(
    ("said", "expected", "status"),
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
def test_errors_inside_a_stream(speaker, said, expected, status):
    """
    An error inside a 200 has the class of its own code, or counts as the server's failure; text before it is not lost.
    """
    decoder = speaker().decoder(REQUEST, HEAD)
    events = decoder.feed(b"".join(sse(chunk({"content": "Hi"}), said)))

    assert TextDelta("Hi") in events
    with pytest.raises(expected, match="No") as caught:
        decoder.close()
    assert (type(caught.value), caught.value.status) == (expected, status)


def test_an_event_named_error_is_an_error(speaker):
    """
    The name of the event alone can say that it is an error.
    """
    with pytest.raises(ServerError, match="It broke"):
        play(speaker(), [b'event: error\ndata: {"message": "It broke."}\n\n'])


def test_an_event_that_is_no_json_is_an_error(speaker):
    """
    An event that cannot be read is never passed over.
    """
    with pytest.raises(BadResponseError, match="starts with 'nonsense'"):
        play(speaker(), [b"data: nonsense\n\n"])


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


def outcome(pieces):
    """
    List the events of a stream and, at the end, the error that it ends with.
    """
    decoder = ChatStreamDecoder(
        HEAD, vendor="v", decode_body=_unexpected, convert_error=lambda said: ServerError(said["error"])
    )
    events = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        return [*events, *decoder.close()]
    except ProviderError as error:
        return [*events, str(error)]


def _unexpected(reply: HTTPReply):
    raise AssertionError(f"taken for a whole reply: {reply}")


@given(st.lists(CHUNKS, max_size=5), NEWLINES, st.booleans(), st.data())
def test_any_split_of_the_bytes_gives_the_same_events(chunks, newline, done, data):
    """
    However a stream's bytes are cut, in the middle of characters and line ends too, the events and errors are the same.
    """
    pieces = sse(*chunks, done=done)
    body = b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + newline * 2 for one in chunks)
    body += pieces[-1] if done else b""
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    cut = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    assert outcome(cut) == outcome([body])
    assert outcome([body[place : place + 1] for place in range(len(body))]) == outcome([body])


@given(st.lists(st.text(max_size=10), max_size=5), st.lists(st.text(max_size=10), max_size=5))
def test_no_text_is_lost(texts, arguments):
    """
    Texts and arguments come out joined as they went in.
    """
    stream = [chunk({"content": text}) for text in texts]
    stream += [chunk({"tool_calls": [call("f" if not n else None, one, index=0)]}) for n, one in enumerate(arguments)]
    response = built(outcome(sse(*stream, chunk(finish_reason="stop"))))

    assert response.text == "".join(texts)
    assert "".join(one.arguments for one in response.tool_calls) == "".join(arguments)
