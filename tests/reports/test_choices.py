"""Replies that a server splits into several choices without being asked are joined."""

from __future__ import annotations

import pytest

from budwood.errors import StreamInterruptedError
from budwood_testing import chat_reply
from tests.reports.compatible import ask, chunk, events, tool_call, weather


def make_choices(first, second, *reasons, with_index=True):
    """
    Return a complete reply with two choices.
    """
    body = chat_reply(None)
    body["choices"] = [
        {"message": {"role": "assistant", **message}, "finish_reason": reason, **({"index": n} if with_index else {})}
        for n, (message, reason) in enumerate(zip((first, second), reasons, strict=True))
    ]
    return body


@pytest.mark.report("SWE-agent/mini-swe-agent#804", outcome="mended")
@pytest.mark.report("BerriAI/litellm#37299", outcome="mended")
@pytest.mark.parametrize("reasons", [("tool_calls", "tool_calls"), ("stop", "tool_calls"), ("stop", "stop")], ids=str)
@pytest.mark.parametrize("with_index", [True, False], ids=["with indexes", "without"])
def test_a_call_in_the_second_choice_is_run(with_index, reasons, scripted, clock):
    """
    Text in one choice and a call in another form one message: the call is run, and both are sent back.
    """
    body = make_choices({"content": "Let me look."}, {"tool_calls": [tool_call()]}, *reasons, with_index=with_index)
    scripted.reply(200, body).reply(200, chat_reply("Rain."))

    response = ask(scripted, clock, tools=[weather])
    assert (response.text, response.alternatives) == ("Rain.", ())
    message = scripted.sent()["messages"][1]
    assert (message["content"], message["tool_calls"]) == ("Let me look.", [tool_call()])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["text ends first", "call ends first"])
def test_a_call_in_the_second_choice_of_a_stream_is_run(order, scripted, clock):
    """
    The streamed reply has the text and the call, whichever choice ends first.
    """
    ends = [chunk({}, "stop"), chunk({}, "tool_calls", index=1)]
    parts = [chunk({"content": "Let me look."}), chunk({"tool_calls": [{"index": 0, **tool_call()}]}, index=1)]
    scripted.reply(200, chunks=events(*parts, *(ends[place] for place in order)))
    scripted.reply(200, chunks=events(chunk({"content": "Rain."}, "stop")))

    assert ask(scripted, clock, streamed=True, tools=[weather]).text == "Rain."
    message = scripted.sent()["messages"][1]
    assert (message["content"], message["tool_calls"]) == ("Let me look.", [tool_call()])


def test_calls_of_two_choices_under_the_same_index_are_two(scripted, clock):
    """
    Each choice numbers its calls from 0; calls with the same index in two choices are different calls.
    """
    calls = [{"index": 0, **tool_call('{"city": "Oslo"}', id="a")}, {"index": 0, **tool_call("{}", id="b")}]
    call_chunks = [chunk({"tool_calls": [call]}, index=number) for number, call in enumerate(calls)]
    scripted.reply(200, chunks=events(*call_chunks, chunk({}, "tool_calls"), chunk({}, "tool_calls", index=1)))

    response = ask(scripted, clock, streamed=True, tools=[weather], execute_tools=False)
    assert [(call.id, call.arguments) for call in response.tool_calls] == [("a", '{"city": "Oslo"}'), ("b", "{}")]


@pytest.mark.parametrize("index", [1, "1", 7])
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_the_only_choice_may_have_any_index(index, streamed, scripted, clock):
    """
    A single choice is read whatever its index is.
    """
    if streamed:
        scripted.reply(200, chunks=events(chunk({"content": "Hi"}, index=index), chunk({}, "stop", index=index)))
    else:
        body = chat_reply("Hi")
        body["choices"][0]["index"] = index
        scripted.reply(200, body)

    response = ask(scripted, clock, streamed=streamed)
    assert (response.text, response.finish_reason, response.alternatives) == ("Hi", "stop", ())


@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_requested_choices_remain_separate(streamed, scripted, clock):
    """
    With ``n``, further choices are returned as alternatives.
    """
    if streamed:
        chunks = [chunk({"content": "a"}), chunk({"content": "b"}, index=1)]
        scripted.reply(200, chunks=events(*chunks, chunk({}, "stop", index=1), chunk({}, "stop")))
    else:
        scripted.reply(200, make_choices({"content": "a"}, {"content": "b"}, "stop", "stop"))

    response = ask(scripted, clock, streamed=streamed, extra={"n": 2})
    assert (response.text, [one.text for one in response.alternatives]) == ("a", ["b"])


def test_a_choice_that_ends_early_does_not_complete_the_stream(scripted, clock):
    """
    A stream is interrupted if one of its choices has no end, even if the choices are joined.
    """
    scripted.reply(200, chunks=events(chunk({"content": "a"}, "stop"), chunk({"content": "b"}, index=1), done=False))
    with pytest.raises(StreamInterruptedError):
        ask(scripted, clock, streamed=True)


@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_null_among_the_choices_is_ignored(streamed, scripted, clock):
    """
    Null in the list of choices is not a choice.
    """
    if streamed:
        first = chunk({"content": "Hi"}, "stop")
        scripted.reply(200, chunks=events({**first, "choices": [None, *first["choices"]]}))
    else:
        body = chat_reply("Hi")
        body["choices"].insert(0, None)
        scripted.reply(200, body)

    assert ask(scripted, clock, streamed=streamed).text == "Hi"
