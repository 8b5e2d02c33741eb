"""Prompts that a gateway keeps, named by calls of a client."""

from __future__ import annotations

import asyncio
import json

import pytest

import budwood
from budwood.errors import PermissionDeniedError, PromptError
from budwood.types import RequestStarted
from budwood_prompts import read_prompt
from budwood_server.access.keys import INFER, PROMPTS
from budwood_server.prompts import store
from tests.plugins.server.databases import open_database
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import KEY, OTHER_TOKEN, TOKEN
from tests.servers import reply

FIELDS = {"name": "greeting", "variables": {"name": {}, "times": {"type": "number", "default": 1}}}
KEYS = {
    TOKEN: KEY.model_copy(update={"scopes": frozenset({INFER, PROMPTS})}),
    OTHER_TOKEN: KEY.model_copy(update={"id": "other", "request_options": frozenset({"label"})}),
}
ADA = {"name": "Ada"}


def answer(text="Hello, Ada!"):
    """
    Return a reply of the vendor.
    """
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return reply(body=json.dumps({"id": "c1", "model": "m", "choices": [choice], "usage": {}}))


async def save(url, *texts):
    """
    Save versions of the prompt, and label the first.
    """
    async with open_database(url) as database, database.write() as connection:
        for text in texts:
            fields = {**FIELDS, "messages": [{"role": "user", "content": text}]}
            await store.save_prompt(connection, read_prompt(fields, where="a test"), "a test")
        await store.set_label(connection, "greeting", "production", 1)


@pytest.fixture
def server(vendor, tmp_path):
    """
    A gateway with two versions of a prompt.
    """
    file = tmp_path / "server.sqlite3"
    settings = {
        "providers": {"vendor": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"}},
        "server": {"models": {"fast": "vendor/m"}},
        "options": {"retries": 0},
    }
    with GatewayServer(settings, keys=KEYS, database_file=file) as running:
        asyncio.run(save(f"sqlite:///{file}", "Greet {{ name }}.", "Greet {{ name }} {{ times }} times."))
        yield running


@pytest.fixture
def settings(server):
    """
    Settings with the gateway as provider and as source of prompts.
    """
    team = {"plugin": "budwood-server", "base_url": server.url, "api_key": TOKEN}
    return {"providers": {"team": team}, "prompts": "team"}


class Recorder:
    """
    Stores the starts of requests.
    """

    event_types = (RequestStarted,)

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)


@pytest.mark.parametrize(
    ("reference", "sent", "version"),
    [
        ("greeting", "Greet Ada 1 times.", 2),
        ("greeting@production", "Greet Ada.", 1),
        ("greeting@2", "Greet Ada 1 times.", 2),
    ],
)
def test_gateway_renders_the_version_that_a_call_names(vendor, settings, reference, sent, version):
    """
    The newest version, that of a label, or a number. The tag has the number.
    """
    vendor.play(answer())
    recorder = Recorder()

    with budwood.Client("team/fast", settings=settings, observers=[recorder]) as client:
        assert client.ask(reference, variables=ADA).text == "Hello, Ada!"

    assert vendor.requests[-1].json["messages"] == [{"role": "user", "content": sent}]
    assert [(event.service, event.tags) for event in recorder.events] == [("chat", {"prompt": f"greeting@{version}"})]


def test_async_client_and_models_of_others_use_the_gateway(vendor, settings):
    """
    The model need not be one of the gateway.
    """
    vendor.play(answer())
    own = {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"}
    settings["providers"]["own"] = own

    async def ask():
        async with budwood.AsyncClient("own/m", settings=settings) as client:
            return await client.ask("greeting@1", variables=ADA)

    assert asyncio.run(ask()).text == "Hello, Ada!"
    assert vendor.requests[-1].json["messages"] == [{"role": "user", "content": "Greet Ada."}]


@pytest.mark.parametrize(
    ("reference", "variables", "message"),
    [
        ("farewell", {}, "no prompt 'farewell'"),
        ("greeting@staging", {}, "no prompt 'greeting@staging'"),
        ("greeting", {}, "needs the variable 'name'"),
        ("greeting", {"name": object()}, "The value of the variable 'name' cannot be sent"),
        ("../keys", {}, "expected NAME"),
    ],
)
def test_errors_are_those_of_prompts(settings, reference, variables, message):
    """
    No model is asked.
    """
    with budwood.Client("team/fast", settings=settings) as client, pytest.raises(PromptError, match=message):
        client.ask(reference, variables=variables)


def test_keys_may_be_forbidden_to_use_prompts(settings):
    """
    The error is that of the gateway.
    """
    settings["providers"]["team"]["api_key"] = OTHER_TOKEN

    with budwood.Client("team/fast", settings=settings) as client, pytest.raises(PermissionDeniedError, match="prompt"):
        client.ask("greeting", variables=ADA)
