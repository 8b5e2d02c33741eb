"""Keep-alives in streams are ignored, and the end mark is recognized in several spellings."""

from __future__ import annotations

import pytest

from budwood.errors import BadResponseError, StreamInterruptedError
from budwood_testing import sse
from tests.reports.compatible import ask, chunk, encode_event

FILLERS = [
    b"retry: 3000\n\n",
    b": ping\n\n",
    b"id: 7\n\n",
    b"\n\n",
    b"event: ping\n\n",
    b"event: ping\ndata: {}\n\n",
    b"event: ping\ndata: 2026-11-26T17:00:00Z\n\n",
    b"event: keepalive\ndata:\n\n",
    b"event: heartbeat\ndata: null\n\n",
    b"data\n\n",
    b"data:\n\n",
    b"data: \n\n",
    b"data:\ndata:\n\n",
    b"data: ping\n\n",
    b'data: "ping"\n\n',
    b"data: PING\n\n",
    b"data: : keep-alive\n\n",
    b"data: keepalive\n\n",
    b"data: null\n\n",
    b"data: {}\n\n",
    b'data: {"type": "ping"}\n\n',
]
ENDS = [
    b"data: [DONE]\n\n",
    b"data:[DONE]\n\n",
    b"data:  [DONE] \n\n",
    b"data: [DONE]",
    b'data: "[DONE]"\n\n',
    b"data: '[DONE]'\n\n",
    b"data: DONE\n\n",
    b"data: [done]\n\n",
    b"event: done\ndata: [DONE]\n\n",
]


@pytest.mark.report("omnigent-ai/omnigent#1474", outcome="mended")
@pytest.mark.parametrize("filler", FILLERS, ids=str)
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_keep_alives_do_not_change_the_reply(place, filler, scripted, clock):
    """
    A keep-alive before, between or after the chunks does not change the reply.
    """
    first, second, end = encode_event(chunk({"content": "a"})), encode_event(chunk({"content": "b"})), chunk({}, "stop")
    chunks = [first, second, encode_event(end), b"data: [DONE]\n\n"]
    chunks.insert({"before": 0, "between": 1, "after": 3}[place], filler)
    scripted.reply(200, chunks=chunks)

    response = ask(scripted, clock, streamed=True)
    assert (response.text, response.finish_reason, response.id) == ("ab", "stop", "c")
    assert response.metadata == {}


@pytest.mark.parametrize("filler", [b"event: ping\ndata: {}\n\n", b"data:\n\n", b"data: null\n\n"], ids=str)
def test_keep_alives_do_not_change_a_stream_of_responses(filler, scripted, clock):
    """
    A keep-alive before the first event of Responses does not change the reply.
    """
    done = {
        "id": "resp_1",
        "model": "gpt",
        "status": "completed",
        "output": [{"type": "message", "id": "m", "content": [{"type": "output_text", "text": "Hi"}]}],
    }
    chunks = [
        encode_event({"type": "response.created", "response": {**done, "output": []}}),
        encode_event({"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "Hi"}),
        encode_event({"type": "response.completed", "response": done}),
    ]
    scripted.reply(200, chunks=[filler, chunks[0], filler, chunks[1], filler, chunks[2], filler])
    settings = {"providers": {"openai": {"api": "responses"}}}

    response = ask(scripted, clock, streamed=True, model="openai/gpt-4.1", settings=settings)
    assert (response.text, response.id, response.model) == ("Hi", "resp_1", "gpt")


@pytest.mark.parametrize("end", ENDS, ids=str)
def test_the_end_mark_has_several_spellings(end, scripted, clock):
    """
    Each spelling of the end mark completes a stream without a finish reason.
    """
    scripted.reply(200, chunks=[encode_event(chunk({"content": "Hi"})), end])

    response = ask(scripted, clock, streamed=True)
    assert (response.text, response.finish_reason) == ("Hi", "other")


@pytest.mark.parametrize("fillers", [[b"data: ping\n\n"] * 2, [b"data:\n\n"], [b"data: {}\n\n"]], ids=str)
def test_keep_alives_without_a_reply_are_an_interrupted_stream(fillers, scripted, clock):
    """
    A stream of keep-alives without a reply is interrupted.
    """
    scripted.reply(200, chunks=fillers)

    with pytest.raises(StreamInterruptedError):
        ask(scripted, clock, streamed=True)


@pytest.mark.parametrize("event", [b"data: overloaded\n\n", b"data: 17\n\n", b"event: error\ndata: ping\n\n"], ids=str)
def test_other_events_that_are_not_json_are_errors(event, scripted, clock):
    """
    Any other event that is not JSON raises an error that quotes it.
    """
    scripted.reply(200, chunks=[event, *sse(chunk({"content": "a"}, "stop"))])

    with pytest.raises(BadResponseError, match="not a JSON object"):
        ask(scripted, clock, streamed=True)
