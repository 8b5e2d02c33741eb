"""A response that is converted to events is rebuilt unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.providing import make_events
from budwood.types import (
    ChatResponse,
    Message,
    RateLimits,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
    UsageReported,
    VendorPart,
)

TEXT = st.text(min_size=1, max_size=5)
PARTS = st.lists(
    st.builds(TextPart, text=TEXT)
    | st.builds(ReasoningPart, text=TEXT)
    | st.builds(RefusalPart, text=TEXT)
    | st.builds(ToolCallPart, id=TEXT, name=TEXT, arguments=st.just("{}"))
    | st.builds(VendorPart, provider=TEXT, kind=TEXT, data=st.just({"a": 1})),
    max_size=5,
).map(tuple)


OWN = {"provider": "vendor", "data": {"id": 1}}
CLOSED = st.lists(
    st.builds(TextPart, text=TEXT)
    | st.builds(TextPart, text=TEXT, **{name: st.just(value) for name, value in OWN.items()})
    | st.builds(RefusalPart, text=TEXT)
    | st.builds(RefusalPart, text=TEXT, **{name: st.just(value) for name, value in OWN.items()})
    | st.builds(ReasoningPart, text=TEXT)
    | st.builds(ToolCallPart, id=TEXT, name=TEXT, **{name: st.just(value) for name, value in OWN.items()}),
    max_size=5,
).map(lambda parts: (*parts, TextPart(text="end", **OWN)))


def rebuild(response: ChatResponse) -> ChatResponse:
    """
    Assemble a response from its own events.
    """
    builder = ResponseBuilder()
    builder.add(make_events(response))
    assert builder.finished
    return builder.build()


def join_parts(parts):
    """
    Join adjacent texts and refusals, which a stream does not separate.
    """
    joined = []
    for part in parts:
        if joined and type(joined[-1]) is type(part) and isinstance(part, TextPart | RefusalPart):
            joined[-1] = type(part)(text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return tuple(joined)


@given(CLOSED)
def test_vendor_data_survives_the_events(parts):
    """
    Texts with vendor data stay separate, and each keeps its data.
    """
    response = ChatResponse(message=Message(role="assistant", parts=parts))

    assert rebuild(response).message.parts == parts


@given(PARTS)
def test_any_message_survives_the_events(parts):
    """
    Parts of every kind keep their order and content.
    """
    response = ChatResponse(message=Message(role="assistant", parts=parts))

    assert rebuild(response).message.parts == join_parts(parts)


def test_other_fields_survive_the_events():
    """
    Finish reason, usage, ids, metadata, limits and alternatives are unchanged.
    """
    response = ChatResponse(
        message=Message(role="assistant", parts=(TextPart(text="a"),)),
        alternatives=(Message(role="assistant", parts=(TextPart(text="b"),)), Message(role="assistant", parts=())),
        finish_reason="length",
        raw_finish_reason="model_length",
        usage=Usage(input_tokens=1, output_tokens=2, raw={"x": 1}),
        id="r",
        model="m",
        metadata={"system_fingerprint": "f"},
        request_id="q",
        rate_limits=RateLimits(limit_requests=5),
    )

    assert rebuild(response) == response


def test_usage_follows_the_end():
    """
    Usage is always reported; unknown counts are None, not zero.
    """
    events = make_events(ChatResponse(message=Message(role="assistant", parts=())))

    assert events[-1] == UsageReported(Usage())


def test_a_part_that_no_model_returns_is_an_error():
    """
    The result of a tool in an assistant message has no event.
    """
    result = ToolResultPart(call_id="c1", name="look", content="Nice.")
    response = ChatResponse(message=Message(role="assistant", parts=(result,)))

    with pytest.raises(TypeError, match="ToolResultPart"):
        make_events(response)
