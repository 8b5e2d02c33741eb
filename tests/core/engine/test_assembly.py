from __future__ import annotations

import functools

from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.engine.chat.assembly import ResponseBuilder
from budwood.providing import make_events
from budwood.types import (
    AudioPart,
    ChatResponse,
    Finished,
    ImagePart,
    MediaClosed,
    MediaDelta,
    MediaPreview,
    Message,
    ReasoningClosed,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    ResponseMetadata,
    ResponseStarted,
    Restarted,
    TextClosed,
    TextDelta,
    TextPart,
    ToolCallClosed,
    ToolCallDelta,
    ToolCallPart,
    Usage,
    UsageReported,
    VendorContent,
    VendorPart,
)
from budwood_testing import FakeClock, ScriptedTransport, chat_reply, sse

WORDS = st.text(max_size=12)
CHUNKS = st.lists(WORDS, max_size=5)


def build_response(*events) -> ChatResponse:
    """Build a response from events."""
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def make_chunk(**delta):
    """Make one chunk of a streamed reply."""
    return {"id": "chatcmpl-1", "model": "scripted", "choices": [{"index": 0, "delta": delta}]}


@functools.cache
def get_client() -> tuple[Client, ScriptedTransport]:
    """Return one client for all examples, because creating a client takes most of the time."""
    scripted = ScriptedTransport()
    return Client("openai/m", api_key="k", transport=scripted, clock=FakeClock(), cache=False), scripted


def stream_reply(*chunks, finish_reason="stop") -> ChatResponse:
    """Read a scripted stream to its end."""
    client, scripted = get_client()
    end = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]}
    scripted.reply(chunks=sse(*chunks, end))
    with client.stream("hi") as stream:
        list(stream)
    return stream.response


def fetch_reply(**message) -> ChatResponse:
    """Send the same request without streaming."""
    client, scripted = get_client()
    scripted.reply(body=chat_reply(**message))
    return client.ask("hi")


@given(CHUNKS, CHUNKS, CHUNKS, st.lists(CHUNKS, max_size=3))
def test_streamed_replies_equal_complete_ones(reasoning, content, refusal, calls):
    """
    Reasoning, text, refusals and tool calls are equal, however the stream is split.
    """
    chunks = [make_chunk(role="assistant")]
    chunks += [make_chunk(reasoning_content=fragment) for fragment in reasoning]
    chunks += [make_chunk(content=fragment) for fragment in content]
    chunks += [make_chunk(refusal=fragment) for fragment in refusal]
    for index, fragments in enumerate(calls):
        start = {
            "index": index,
            "id": f"c{index}",
            "type": "function",
            "function": {"name": "look", "arguments": ""},
        }
        chunks.append(make_chunk(tool_calls=[start]))
        chunks += [
            make_chunk(tool_calls=[{"index": index, "function": {"arguments": fragment}}]) for fragment in fragments
        ]
    complete = fetch_reply(
        text="".join(content) or None,
        reasoning_content="".join(reasoning),
        refusal="".join(refusal) or None,
        tool_calls=[
            {"id": f"c{index}", "function": {"name": "look", "arguments": "".join(fragments)}}
            for index, fragments in enumerate(calls)
        ],
    )

    response = stream_reply(*chunks)

    assert response.message == complete.message
    assert (response.finish_reason, response.raw_finish_reason) == (complete.finish_reason, complete.raw_finish_reason)
    assert (response.id, response.model, response.provider) == (complete.id, complete.model, complete.provider)


PARTS = st.one_of(
    st.builds(TextPart, text=WORDS.filter(bool)),
    st.builds(ReasoningPart, text=WORDS, provider=st.just("openai"), data=st.just({"signature": "x"})),
    st.builds(RefusalPart, text=WORDS.filter(bool)),
    st.builds(ToolCallPart, id=WORDS.filter(bool), name=WORDS, arguments=WORDS),
    st.builds(VendorPart, provider=st.just("openai"), kind=st.just("audio"), data=st.just({"id": "a"})),
)


def join_parts(message: Message) -> Message:
    """Join adjacent parts of one type, as a stream does."""
    parts = []
    for part in message.parts:
        if parts and type(part) is type(parts[-1]) and isinstance(part, TextPart | RefusalPart):
            parts[-1] = part.model_copy(update={"text": parts[-1].text + part.text})
        else:
            parts.append(part)
    return message.model_copy(update={"parts": tuple(parts)})


MESSAGES = st.lists(PARTS, max_size=6).map(lambda parts: join_parts(Message(role="assistant", parts=tuple(parts))))


@given(MESSAGES, st.lists(MESSAGES, max_size=2), st.sampled_from(["stop", "length", "refusal"]))
def test_a_response_can_be_rebuilt_from_its_events(message, alternatives, reason):
    """
    Streams from a cache lose nothing.
    """
    response = ChatResponse(
        message=message,
        alternatives=tuple(alternatives),
        finish_reason=reason,
        raw_finish_reason="raw",
        usage=Usage(input_tokens=1, output_tokens=2),
        id="r1",
        model="m",
        metadata={"service_tier": "flex"},
        request_id="q1",
    )

    assert build_response(*make_events(response)) == response


def test_fragments_of_calls_are_joined_by_their_index():
    """
    Fragments of several calls may be interleaved.
    """
    response = build_response(
        ToolCallDelta(0, "a", "first", '{"x"'),
        ToolCallDelta(1, "b", "second"),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(1, arguments="{}"),
        Finished("tool_calls"),
    )

    assert response.tool_calls == (
        ToolCallPart(id="a", name="first", arguments='{"x": 1}'),
        ToolCallPart(id="b", name="second", arguments="{}"),
    )


def test_calls_without_ids_get_unique_ids():
    """
    Results can be assigned to calls without ids of the server.
    """
    response = build_response(ToolCallDelta(0, None, "look", "{}"), ToolCallDelta(1, None, "look", "{}"))

    assert len({call.id for call in response.tool_calls}) == 2


def test_further_choices_are_alternatives():
    """
    Choices beside the first become alternatives, in order, with separate ends.
    """
    response = build_response(
        TextDelta("c", 2), TextDelta("a"), TextDelta("b", 1), TextDelta("!", 2), Finished("length", "l", 1),
        Finished("stop", "s"),
    )  # fmt: skip

    assert response.text == "a"
    assert [message.text for message in response.alternatives] == ["b", "c!"]
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "s")


def test_complete_reasoning_replaces_the_deltas():
    """
    Complete reasoning has the data that its vendor needs back; its deltas are not repeated.
    """
    part = ReasoningPart(text="Hm.", provider="openai", data={"signature": "x"})

    response = build_response(ReasoningDelta("H"), ReasoningDelta("m"), ReasoningClosed(part), TextDelta("Yes."))

    assert response.message.parts == (part, TextPart(text="Yes."))
    assert (response.reasoning, response.text) == ("Hm.", "Yes.")


def test_complete_texts_replace_the_deltas():
    """
    Complete texts have the data that their vendor needs back; several open texts are closed in turn.
    """
    text = TextPart(text="Yes.", provider="openai", data={"id": "1"})
    closed_refusal = RefusalPart(text="No.", provider="openai", data={"id": "1"})
    closed_text = TextPart(text="Or so.", provider="openai", data={"id": "2"})

    response = build_response(
        TextDelta("Ye"), TextDelta("s."), RefusalDelta("No."), TextClosed(text), TextClosed(closed_refusal),
        TextDelta("Or so."), TextClosed(closed_text), TextDelta("!"),
    )  # fmt: skip

    assert response.message.parts == (text, closed_refusal, closed_text, TextPart(text="!"))


def test_complete_calls_replace_the_fragments():
    """
    A complete call keeps its position, and may come without fragments.
    """
    first = ToolCallPart(id="1", name="a", arguments="{}", provider="openai", data={"id": "fc_1"})
    second = ToolCallPart(id="2", name="b", provider="gemini", data={"signature": "s"})

    response = build_response(
        ToolCallDelta(0, "1", "a", "{"), TextDelta("Hm."), ToolCallClosed(0, first), ToolCallClosed(1, second)
    )

    assert response.message.parts == (first, TextPart(text="Hm."), second)


def test_parts_are_in_the_order_of_their_first_events():
    """
    Text between reasoning stays there, and empty deltas create no parts.
    """
    response = build_response(
        TextDelta(""), ReasoningDelta("1"), TextDelta("2"), TextDelta(""), ReasoningDelta("3"), RefusalDelta("4")
    )

    assert [(part.type, part.text) for part in response.message.parts] == [
        ("reasoning", "1"), ("text", "2"), ("reasoning", "3"), ("refusal", "4")
    ]  # fmt: skip


def test_later_usage_replaces_and_later_metadata_adds():
    """
    Usage is replaced, not summed; metadata is merged.
    """
    response = build_response(
        ResponseStarted("r1", "m"),
        ResponseMetadata({"a": 1}, None, "q1"),
        UsageReported(Usage(output_tokens=1)),
        UsageReported(Usage(output_tokens=5)),
        ResponseMetadata({"b": 2}),
    )

    assert (response.usage.output_tokens, response.metadata, response.request_id) == (5, {"a": 1, "b": 2}, "q1")


def test_incomplete_replies_are_not_finished():
    """
    Without a finish reason the reply is not finished, and without usage its usage is unknown.
    """
    builder = ResponseBuilder()
    builder.add([TextDelta("half")])

    assert not builder.finished
    assert (builder.build().finish_reason, builder.build().usage.output_tokens) == ("other", None)


def test_vendor_parts_are_stored():
    """
    Vendor parts are in order among the other parts.
    """
    part = VendorPart(provider="openai", kind="annotations", data=[{"type": "url_citation"}])

    assert build_response(TextDelta("See"), VendorContent(part)).message.parts == (TextPart(text="See"), part)
    assert fetch_reply(text="See", annotations=[{"type": "url_citation"}]).message.parts == (TextPart(text="See"), part)
    response = stream_reply(make_chunk(content="See"), make_chunk(annotations=[{"type": "url_citation"}]))
    assert response.message.parts == (TextPart(text="See"), part)


def test_restarted_replies_discard_earlier_content():
    """
    Content before a `Restarted` event is not part of the response.
    """
    response = build_response(
        TextDelta("Hel"), ToolCallDelta(0, "a", "f"), Restarted("failed over"), TextDelta("Hello")
    )

    assert response.message == Message.assistant("Hello")


def test_audio_that_arrives_in_parts_becomes_one_part():
    """
    Bytes and transcript are joined; the complete part, if one follows, replaces them.
    """
    events = (
        TextDelta("Listen:"),
        MediaDelta(0, b"ab", "Hel", "audio/pcm;rate=24000"),
        MediaDelta(0, b"c", "lo."),
    )
    complete = AudioPart(data=b"RIFFabc", media_type="audio/wav", transcript="Hello.", provider="openai")

    interrupted, ended = build_response(*events), build_response(*events, MediaClosed(0, complete), TextDelta("Bye."))

    assert interrupted.media == (AudioPart(data=b"abc", media_type="audio/pcm;rate=24000", transcript="Hello."),)
    assert ended.message.parts == (TextPart(text="Listen:"), complete, TextPart(text="Bye."))


def test_unfinished_images_are_not_part_of_the_reply():
    """
    Previews are shown, and only the finished image is in the message.
    """
    finished = ImagePart(data=b"finished", media_type="image/png")

    response = build_response(MediaPreview(0, ImagePart(data=b"half")), MediaClosed(0, finished))

    assert response.media == (finished,)


def test_media_of_a_complete_reply_survive_the_way_through_events():
    """
    The events of a complete reply contain its images and audio.
    """
    parts = (ImagePart(data=b"i", media_type="image/png"), AudioPart(data=b"a", media_type="audio/wav"))
    response = ChatResponse(message=Message(role="assistant", parts=parts))

    assert build_response(*make_events(response)).message == response.message
