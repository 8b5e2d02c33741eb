"""Many prompts: errors that concern all of them are raised, and replies can be read as they complete."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pydantic import BaseModel

from budwood import AsyncClient, Client
from budwood.errors import (
    BudwoodError,
    ConfigurationError,
    CredentialError,
    InvalidRequestError,
    PromptError,
    UnsupportedError,
)
from budwood_testing import ScriptedTransport, chat_reply
from tests.core.engine.structured import make_settings_without


class Person(BaseModel):
    name: str


MISTAKES = [
    (["a"], {"temprature": 1}, ConfigurationError, "temperature"),
    (["a"], {"temperature": "hot"}, ConfigurationError, "temperature"),
    (["a"], {"api_key": "sk"}, ConfigurationError, "Client"),
    (["a"], {"model": "nobody/x"}, BudwoodError, "nobody"),
    (["a"], {"model": "anthropic/claude-sonnet-4-5"}, CredentialError, "ANTHROPIC_API_KEY"),
    (["a"], {"model": "openai/text-embedding-3-small"}, UnsupportedError, "embed"),
    (["a"], {"schema": 3}, ConfigurationError, "schema"),
    (["a"], {"schema": Person, "schema_mode": "native"}, UnsupportedError, "JSON schema"),
    (["a"], {"tools": [3]}, ConfigurationError, "tool"),
    (["a"], {"concurrency": 0}, ConfigurationError, "concurrency"),
    (["a"], {"concurrency": True}, ConfigurationError, "concurrency"),
    ("a", {}, ConfigurationError, r"list of prompts"),
    (b"a", {}, ConfigurationError, r"list of prompts"),
    ({"role": "user", "content": "a"}, {}, ConfigurationError, r"list of prompts"),
    (7, {}, ConfigurationError, r"list of prompts"),
    (["a"], {"progress": 7}, ConfigurationError, "progress"),
    (["a"], {"progress": asyncio.sleep}, ConfigurationError, "progress"),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_errors_of_all_prompts_are_raised(scripted, mistake):
    """
    Errors that concern all prompts are raised before anything is sent.
    """
    prompts, options, error, text = mistake
    client = Client("openai/gpt-4o", api_key="sk-test", transport=scripted, settings=make_settings_without_schemas())

    with client, pytest.raises(error, match=text):
        client.ask_many(prompts, **options)

    assert scripted.calls == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_errors_of_all_prompts_are_raised_by_the_async_client(scripted, mistake):
    """
    The async client raises the same errors.
    """
    prompts, options, error, text = mistake
    client = AsyncClient(
        "openai/gpt-4o", api_key="sk-test", transport=scripted.asynchronous, settings=make_settings_without_schemas()
    )

    with pytest.raises(error, match=text):
        asyncio.run(call(client, prompts, options))

    assert scripted.calls == []


def make_settings_without_schemas():
    """
    Return settings in which no model supports JSON schemas.
    """
    from budwood.types import Capability

    return make_settings_without(Capability.JSON_SCHEMA)


async def call(client, prompts, options):
    """
    Call `ask_many` of an async client, which raises before anything is awaited.
    """
    client.ask_many(prompts, **options)


def test_a_missing_model_is_raised():
    """
    A client without a model raises the error instead of returning it for each prompt.
    """
    with Client() as client, pytest.raises(ConfigurationError, match="No model"):
        client.ask_many(["a", "b"]).in_order()


def test_with_a_cache_no_key_is_required(scripted, clock):
    """
    With a cache, a missing key is only an error of prompts that are not cached.
    """
    with Client("openai/gpt-4o", transport=scripted, clock=clock, cache="memory") as client:
        (error,) = client.ask_many(["a"]).in_order()

    assert isinstance(error, CredentialError)


def test_an_invalid_prompt_does_not_affect_others(client, scripted):
    """
    An error of one prompt is in its place.
    """
    scripted.reply(body=chat_reply("fine"))

    empty, odd, fine = client.ask_many(["", 7, "a"], concurrency=1).in_order()

    assert isinstance(empty, PromptError)
    assert isinstance(odd, PromptError)
    assert fine.text == "fine"


def test_replies_are_read_as_they_complete(make_transport):
    """
    A reply is available before an earlier prompt is answered, with its index and the progress.
    """
    gate = threading.Event()
    transport = make_transport({"slow": gate})

    client = Client("openai/gpt-4o", api_key="sk-test", transport=transport)
    with client, client.ask_many(["slow", "quick"]) as replies:
        first = next(replies)
        gate.set()
        second = next(replies)
        rest = list(replies)

    assert (first.index, first.reply.text, first.completed, first.total) == (1, "quick", 1, 2)
    assert (second.index, second.reply.text, second.completed, second.total) == (0, "slow", 2, 2)
    assert rest == []


@pytest.fixture
def make_transport():
    """
    Create a transport that echoes prompts; some prompts wait for an event.
    """
    import json

    from budwood_testing import ScriptedReply

    def make(gates, number=2):
        def answer(call):
            prompt = json.loads(call.body)["messages"][-1]["content"]
            if prompt in gates:
                gates[prompt].wait()
            return ScriptedReply(200, {}, (json.dumps(chat_reply(prompt)).encode(),))

        transport = ScriptedTransport()
        for _ in range(number):
            transport.answer(answer)
        return transport

    return make


def test_an_iterator_of_prompts_has_no_total(client, scripted):
    """
    Prompts may come from an iterator without a length, which is read as requests are sent.
    """
    read = []

    def prompts():
        for number in range(5):
            read.append(number)
            yield str(number)

    for number in range(5):
        scripted.reply(body=chat_reply(str(number)))

    with client.ask_many(prompts(), concurrency=1) as replies:
        first = next(replies)
        read_at_first = list(read)
        last = list(replies)[-1]

    assert (first.index, first.total, last.completed) == (0, None, 5)
    assert read_at_first == [0]


def test_errors_are_yielded(client, scripted):
    """
    A prompt that fails does not end the iteration.
    """
    scripted.reply(400, body={"error": {"message": "no"}}).reply(body=chat_reply("fine"))

    with client.ask_many(["a", "b"], concurrency=1) as replies:
        failed, fine = replies

    assert isinstance(failed.reply, InvalidRequestError)
    assert fine.reply.text == "fine"


def test_leaving_the_loop_cancels_running_requests(client, scripted):
    """
    After a break nothing more is sent, and closing twice is allowed.
    """
    for _ in range(2):
        scripted.reply(body=chat_reply("a"))

    with client.ask_many(map(str, range(100)), concurrency=1) as replies:
        for _ in replies:
            break
    replies.close()

    assert len(scripted.calls) <= 2
    assert list(replies) == []


def test_async_replies_are_read_as_they_complete(async_client, scripted):
    """
    The async client yields the same records, and a break ends the requests.
    """
    for number in range(4):
        scripted.reply(body=chat_reply(str(number)))

    async def read():
        async with async_client.ask_many(["a", "b", "c", "d"], concurrency=1) as replies:
            first = await anext(replies)
            second = await anext(replies)
        assert [done async for done in replies] == []
        await replies.close()
        return first, second

    first, second = asyncio.run(read())

    assert (first.index, first.completed, first.total, first.reply.text) == (0, 1, 4, "0")
    assert (second.index, second.completed) == (1, 2)
    assert len(scripted.calls) <= 3
