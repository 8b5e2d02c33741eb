"""Ids of tool calls are converted to a form that each vendor accepts."""

from __future__ import annotations

import re

import pytest

from budwood_testing import chat_reply
from tests.reports.compatible import KEY, make_tool_call_reply, open_client, tool_call, weather

SETTINGS = {"providers": {name: {"api_key": KEY} for name in ("openai", "mistral", "groq", "anthropic")}}


def continue_with(scripted, clock, own, first, second):
    """
    Call a tool with one model, continue with another, and return the ids of calls and results in the second request.
    """
    scripted.reply(200, make_tool_call_reply(tool_call(id=own))).reply(200, chat_reply("Rain."))
    scripted.reply(200, chat_reply("Bye."))
    with open_client(scripted, clock, first, settings=SETTINGS, api_key=None) as client:
        chat = client.chat(tools=[weather])
        chat.ask("Weather in Oslo?")
        chat.model = second
        chat.ask("Thanks")
    messages = scripted.sent()["messages"]
    calls = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    return calls, [message["tool_call_id"] for message in messages if message["role"] == "tool"]


@pytest.mark.report("jackmpcollins/magentic#276", outcome="mended")
@pytest.mark.parametrize(
    "own",
    ["call_abcdefghijklmnop", "toolu_01A09q90qw90lq917835lq9", "functions.weather:0", "7", "abcdefgh_", "Ünïcødeé"],
)
def test_ids_for_mistral_have_nine_letters_and_digits(own, scripted, clock):
    """
    Mistral accepts only ids of nine letters and digits: other ids are replaced, in the call and its result alike.
    """
    calls, results = continue_with(scripted, clock, own, "openai/gpt-4.1", "mistral/mistral-small-latest")

    assert calls == results
    assert re.fullmatch("[A-Za-z0-9]{9}", calls[0])


@pytest.mark.parametrize("own", [None, ""])
def test_generated_ids_are_valid_for_every_vendor(own, scripted, clock):
    """
    A call without an id gets an id of nine letters and digits, which every vendor accepts.
    """
    calls, results = continue_with(scripted, clock, own, "groq/llama-3.3-70b-versatile", "mistral/mistral-small-latest")
    sent_ids = [call["id"] for call in scripted.sent(1)["messages"][1]["tool_calls"]]

    assert calls == results == sent_ids
    assert re.fullmatch("[A-Za-z0-9]{9}", calls[0])


@pytest.mark.parametrize("second", ["openai/gpt-4.1", "mistral/mistral-small-latest", "groq/llama-3.3-70b-versatile"])
def test_ids_of_mistral_are_sent_unchanged_to_every_vendor(second, scripted, clock):
    """
    Ids of nine letters and digits are sent unchanged to every vendor.
    """
    ids = continue_with(scripted, clock, "D681PevKs", "mistral/mistral-small-latest", second)

    assert ids == (["D681PevKs"], ["D681PevKs"])


def test_ids_that_are_too_long_for_openai_are_shortened(scripted, clock):
    """
    Chat Completions accepts ids of at most 40 characters; longer ids of gateways are shortened.
    """
    own = "call_" + "x" * 80
    calls, results = continue_with(scripted, clock, own, "groq/llama-3.3-70b-versatile", "openai/gpt-4.1")

    assert calls == results
    assert len(calls[0]) <= 40


def test_ids_are_replaced_consistently(scripted, clock):
    """
    Two calls of one reply get two different ids for Mistral, each with its result.
    """
    scripted.reply(200, make_tool_call_reply(tool_call(id="call_one_one_one"), tool_call(id="call_two_two_two")))
    scripted.reply(200, chat_reply("Rain."))
    with open_client(scripted, clock, "mistral/mistral-small-latest", settings=SETTINGS, api_key=None) as client:
        client.ask("Weather?", tools=[weather])

    _, message, *results = scripted.sent()["messages"]
    ids = [call["id"] for call in message["tool_calls"]]
    assert ids == [result["tool_call_id"] for result in results]
    assert len(set(ids)) == 2
