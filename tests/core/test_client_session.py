"""The aliases `run`, `session` and `session_async`."""

from __future__ import annotations

import asyncio

import pytest

import budwood
from budwood import AsyncClient, Client
from budwood_testing import chat_reply


def test_run_is_an_alias_of_ask():
    """
    Functions and methods are the same objects.
    """
    assert budwood.run is budwood.ask
    assert budwood.run_async is budwood.ask_async
    assert Client.run is Client.ask
    assert AsyncClient.run is AsyncClient.ask


def test_calls_of_a_session_share_its_settings(scripted, clock):
    """
    `ask` and `run` use the model, key and options of the session.
    """
    scripted.reply(body=chat_reply("one")).reply(body=chat_reply("two"))

    with budwood.session(model="openai/gpt-4o", api_key="sk-1", timeout=30, transport=scripted, clock=clock) as session:
        texts = [session.ask("1").text, session.run("2", max_tokens=9).text]

    assert isinstance(session, Client)
    assert texts == ["one", "two"]
    assert [scripted.sent(number)["model"] for number in (0, 1)] == ["gpt-4o"] * 2
    assert [call.headers["authorization"] for call in scripted.calls] == ["Bearer sk-1"] * 2
    assert [timing.deadline - clock.now for timing in scripted.timings] == [30, 30]
    assert [scripted.sent(number).get("max_tokens") for number in (0, 1)] == [None, 9]


def test_a_session_is_closed_by_its_block(scripted):
    """
    A session cannot be used after its block.
    """
    with budwood.session("openai/gpt-4o", api_key="sk-1", transport=scripted) as session:
        pass

    with pytest.raises(budwood.BudwoodError, match="closed"):
        session.run("?")


def test_async_sessions_have_the_same_settings(scripted):
    """
    `session_async` is closed by its ``async with`` block.
    """
    scripted.reply(body=chat_reply("one")).reply(body=chat_reply("two"))

    async def run_scenario():
        async with budwood.session_async(
            model="openai/gpt-4o", api_key="sk-1", transport=scripted.asynchronous
        ) as session:
            texts = [(await session.ask("1")).text, (await session.run("2")).text]
        with pytest.raises(budwood.BudwoodError, match="closed"):
            await session.run("?")
        return session, texts

    session, texts = asyncio.run(run_scenario())

    assert isinstance(session, AsyncClient)
    assert texts == ["one", "two"]


def test_an_image_is_part_of_a_message(client, scripted):
    """
    A message with an image can be written with names of `budwood` only.
    """
    scripted.reply(body=chat_reply("A cat."))
    message = budwood.Message(
        role="user", parts=(budwood.Image(url="https://example.org/cat.png"), budwood.TextPart(text="What is this?"))
    )

    assert client.ask([message]).text == "A cat."

    image, text = scripted.sent()["messages"][0]["content"]
    assert image == {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    assert text == {"type": "text", "text": "What is this?"}
