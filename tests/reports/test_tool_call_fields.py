"""Additional fields of tool calls are sent back to the vendor that wrote them, and not to others."""

from __future__ import annotations

import pytest

from budwood_testing import chat_reply
from tests.reports.compatible import KEY, ask, chunk, events, make_tool_call_reply, open_client, tool_call, weather

SIGNATURE = {"google": {"thought_signature": "SIG"}}


def get_returned_call(scripted):
    """
    Return the call in the last request.
    """
    return scripted.sent()["messages"][1]["tool_calls"][0]


@pytest.mark.report("securo-finance/securo#884", outcome="mended")
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_a_signature_beside_the_function_is_sent_back(streamed, scripted, clock):
    """
    Gemini 3 rejects the next turn if the signature of a call is missing.
    """
    call = tool_call(extra_content=SIGNATURE)
    if streamed:
        scripted.reply(200, chunks=events(chunk({"tool_calls": [{"index": 0, **call}]}), chunk({}, "tool_calls")))
        scripted.reply(200, chunks=events(chunk({"content": "Rain."}, "stop")))
    else:
        scripted.reply(200, make_tool_call_reply(call)).reply(200, chat_reply("Rain."))

    assert ask(scripted, clock, streamed=streamed, tools=[weather]).text == "Rain."
    assert get_returned_call(scripted) == call


@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_a_field_inside_the_function_is_sent_back_inside_it(streamed, scripted, clock):
    """
    Unknown fields are sent back at the same place.
    """
    call = tool_call()
    call["function"]["thought_signature"] = "SIG"
    if streamed:
        scripted.reply(200, chunks=events(chunk({"tool_calls": [call]}), chunk({}, "tool_calls")))
        scripted.reply(200, chunks=events(chunk({"content": "Rain."}, "stop")))
    else:
        scripted.reply(200, make_tool_call_reply(call)).reply(200, chat_reply("Rain."))

    ask(scripted, clock, streamed=streamed, tools=[weather])
    assert get_returned_call(scripted) == call


def test_a_signature_in_a_later_fragment_belongs_to_the_call(scripted, clock):
    """
    A signature in a later fragment without an id is added to the call.
    """
    first = {"index": 0, "function": {"name": "weather", "arguments": '{"city": '}}
    second = {"index": 0, "function": {"arguments": '"Oslo"}'}, "extra_content": SIGNATURE}
    fragments = [chunk({"tool_calls": [fragment]}) for fragment in (first, second)]
    scripted.reply(200, chunks=events(*fragments, chunk({}, "tool_calls")))
    scripted.reply(200, chunks=events(chunk({"content": "Rain."}, "stop")))

    ask(scripted, clock, streamed=True, tools=[weather])
    back = get_returned_call(scripted)
    assert (back["extra_content"], back["function"]["arguments"]) == (SIGNATURE, '{"city": "Oslo"}')
    assert back["id"] == scripted.sent()["messages"][2]["tool_call_id"]


def test_a_signature_does_not_go_to_another_vendor(scripted, clock):
    """
    Another vendor gets only the standard fields of the call.
    """
    scripted.reply(200, make_tool_call_reply(tool_call(extra_content=SIGNATURE)))
    scripted.reply(200, chat_reply("Rain.")).reply(200, chat_reply("Bye."))
    settings = {
        "providers": {"mine": {"plugin": "openai-compatible", "base_url": "http://a.test/v1"}, "groq": {"api_key": KEY}}
    }
    with open_client(scripted, clock, "mine/m", settings=settings, api_key=None) as client:
        chat = client.chat(tools=[weather])
        chat.ask("Weather in Oslo?")
        chat.model = "groq/llama-3.3-70b-versatile"
        chat.ask("Thanks")

    assert get_returned_call(scripted) == tool_call()
