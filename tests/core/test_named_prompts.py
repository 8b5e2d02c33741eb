"""Prompts that calls name, with values of their variables."""

from __future__ import annotations

import asyncio

import pytest

import budwood
from budwood.errors import ConfigurationError, PluginNotFoundError, PromptError, UnsupportedError
from budwood.hooks import PROMPT_SOURCE
from budwood.plugins import Inventory, Registry
from budwood.plugins.discovery import take_inventory
from budwood.types import RequestFinished, RequestStarted
from budwood_testing import chat_chunks, chat_reply, sse

GREETING = """
[variables.name]
[[messages]]
role = "system"
content = "Be kind."
[[messages]]
role = "user"
content = "Greet {{ name }}."
"""
SENT = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Greet Ada."}]
ADA = {"name": "Ada"}


@pytest.fixture
def settings(tmp_path):
    """
    Settings with a folder that has the prompt ``greeting``.
    """
    (tmp_path / "greeting.toml").write_text(GREETING)
    return {"prompt_sources": {"folder": {"folder": str(tmp_path)}}}


@pytest.fixture
def client(make_client, settings):
    """
    A client whose prompts are in the folder.
    """
    return make_client(settings=settings)


class Recorder:
    """
    Stores the starts and the ends of requests.
    """

    event_types = (RequestStarted, RequestFinished)

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)


def test_prompt_is_sent_as_its_messages(client, scripted):
    """
    A name, or a name with a label, is replaced by the messages with the values in them.
    """
    for reference in ("greeting", "greeting@production"):
        scripted.reply(body=chat_reply("Hello, Ada!"))

        assert client.ask(reference, variables=ADA).text == "Hello, Ada!"
        assert scripted.sent()["messages"] == SENT


def test_prompt_is_text_without_variables(client, scripted):
    """
    A text that is the name of a prompt is sent as it is.
    """
    scripted.reply(body=chat_reply("Hi"))

    client.ask("greeting")

    assert scripted.sent()["messages"] == [{"role": "user", "content": "greeting"}]


def test_async_client_renders_in_a_thread(make_async_client, settings, scripted):
    """
    The async client takes the same arguments.
    """

    async def ask():
        async with make_async_client(settings=settings) as client:
            return await client.ask("greeting", variables=ADA)

    scripted.reply(body=chat_reply("Hi"))

    assert asyncio.run(ask()).text == "Hi"
    assert scripted.sent()["messages"] == SENT


def test_stream_sends_the_messages(client, scripted):
    """
    The prompt is rendered at the first read.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hi"])))

    with client.stream("greeting", variables=ADA) as stream:
        assert scripted.calls == []
        assert "".join(stream.text_deltas()) == "Hi"
    assert scripted.sent()["messages"] == SENT


def test_conversation_keeps_the_messages(client, scripted):
    """
    The history has what was sent, not the name.
    """
    scripted.reply(body=chat_reply("Hello, Ada!"))
    chat = client.chat()

    chat.ask("greeting", variables=ADA)

    assert [message.text for message in chat.messages] == ["Be kind.", "Greet Ada.", "Hello, Ada!"]


def test_system_prompt_and_files_are_added(client, scripted, tmp_path):
    """
    The options of a text apply to the messages of a prompt as well.
    """
    note = tmp_path / "note.txt"
    note.write_text("Ada likes tea.")
    scripted.reply(body=chat_reply("Hi"))

    client.ask("greeting", variables=ADA, system="Answer in French.", files=[note])

    first, second, last = scripted.sent()["messages"]
    assert (first["content"], second["content"]) == ("Answer in French.", "Be kind.")
    assert "Ada likes tea." in str(last["content"])
    assert "Greet Ada." in str(last["content"])


def test_many_calls_and_counts_take_names(client, scripted):
    """
    Each of many calls may have values of its own, and tokens of the messages are counted.
    """
    for _ in range(2):
        scripted.reply(body=chat_reply("Hi"))
    requests = [budwood.BatchRequest("greeting", variables={"name": name}) for name in ("Ada", "Eve")]

    client.ask_many(requests, concurrency=1).in_order()

    assert [scripted.sent(number)["messages"][-1]["content"] for number in (0, 1)] == ["Greet Ada.", "Greet Eve."]
    counted = client.count_tokens("greeting", offline=True, variables=ADA)
    assert counted.input_tokens > client.count_tokens("greeting", offline=True).input_tokens


def test_equal_names_with_other_values_are_other_samples(make_client, settings, scripted):
    """
    Of many calls, those with equal names and values are numbered for the cache, and no others.
    """
    for _ in range(3):
        scripted.reply(body=chat_reply("Hi"))
    client = make_client(settings=settings, cache="memory")
    requests = [budwood.BatchRequest("greeting", variables={"name": name}) for name in ("Ada", "Eve", "Ada")]

    client.ask_many(requests, concurrency=1).in_order()

    assert client.ask("greeting", variables={"name": "Eve"}).cached
    assert len(scripted.calls) == 3


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, {"prompt": "greeting"}),
        ({"user": "ada"}, {"user": "ada", "prompt": "greeting"}),
        ({"prompt": "mine"}, {"prompt": "mine"}),
        ({f"t{number}": "x" for number in range(16)}, {f"t{number}": "x" for number in range(16)}),
    ],
)
def test_observers_receive_the_prompt_as_a_tag(make_client, settings, scripted, tags, expected):
    """
    The tag does not replace one of the call, and is left out if the call has the maximum number.
    """
    recorder = Recorder()
    scripted.reply(body=chat_reply("Hi"))

    make_client(settings=settings, observers=[recorder]).ask("greeting", variables=ADA, tags=tags)

    assert [event.tags for event in recorder.events] == [expected, expected]
    assert {event.prompt for event in recorder.events} == {"Greet Ada."}


@pytest.mark.parametrize(
    ("prompt", "variables", "message"),
    [
        ("greetnig", ADA, "Did you mean greeting?"),
        ("greeting", {}, "needs the variable 'name'"),
        ("greeting@3", ADA, "has no numbered versions"),
        ("Greet Ada.", {}, "expected NAME, NAME@LABEL or NAME@VERSION"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "greeting"}], ADA, "is a name, and got"),
        ("", {}, "Invalid prompt ''"),
    ],
)
def test_invalid_prompt_is_an_error(client, scripted, prompt, variables, message):
    """
    Nothing is sent, and the error says what to do.
    """
    with pytest.raises(PromptError, match=message):
        client.ask(prompt, variables=variables)
    assert scripted.calls == []


def test_variables_must_be_a_dictionary(client):
    """
    Another type is an error of the option.
    """
    with pytest.raises(ConfigurationError, match=r"variables= must be a dictionary; got list"):
        client.ask("greeting", variables=["Ada"])


def test_missing_plugin_is_named(make_client):
    """
    The error has the command that installs the source.
    """
    claims = take_inventory().claims
    without = {place: found for place, found in claims.items() if place != (PROMPT_SOURCE.group, "folder")}
    client = make_client(registry=Registry(inventory=Inventory(without)))

    with pytest.raises(PluginNotFoundError, match=r"Install budwood-prompts: .* pip install ./plugins/prompts"):
        client.ask("greeting", variables={})


def test_source_must_exist(make_client):
    """
    A name that is neither a source nor a provider is an error when a prompt is named.
    """
    with pytest.raises(PluginNotFoundError, match=r"No prompt source 'acme' is installed; installed: .*folder"):
        make_client(settings={"prompts": "acme"}).ask("greeting", variables={})


def test_provider_without_prompts_is_refused(make_client):
    """
    The setting may name a provider, whose server must keep prompts.
    """
    with pytest.raises(UnsupportedError, match=r'does not keep prompts. Set prompts in budwood.toml to "folder"'):
        make_client(settings={"prompts": "openai"}).ask("greeting", variables={})
