from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.contracts import PluginContext
from budwood.errors import CredentialError
from budwood.types import ChatRequest, HTTPReply, Message, ModelRules, ReplyHead, TextPart, VendorPart
from budwood_openai import OpenAI, OpenAISettings
from budwood_testing import FakeClock, chat_reply

SECRET = "sk-very-secret"


@pytest.fixture
def openai(tmp_path):
    """
    Return OpenAI's provider, without rules for models.
    """

    def make(**settings):
        context = PluginContext(
            instance="openai",
            rules=lambda _model: ModelRules(),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        return OpenAI(OpenAISettings(**settings), context)

    return make


@pytest.fixture
def ask(scripted, clock):
    """
    Ask a model of OpenAI once, and return the request and the adaptations of the response.
    """

    def ask_model(model, **options):
        scripted.reply(200, chat_reply("Hi"))
        with Client(f"openai/{model}", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client:
            response = client.ask("Hello", **options)
        return scripted.sent(), [(adaptation.parameter, adaptation.action) for adaptation in response.adaptations]

    return ask_model


def test_nothing_is_sent_without_a_key(scripted, clock):
    """
    Without a key, the error names the variable, and nothing is sent.
    """
    with (
        Client("openai/gpt-4o", transport=scripted, clock=clock, cache=False) as client,
        pytest.raises(CredentialError, match="OPENAI_API_KEY"),
    ):
        client.ask("Hello")
    assert scripted.calls == []


def test_environment_variables(scripted, clock, monkeypatch):
    """
    Key, address, organization and project are read from the variables of OpenAI's library.
    """
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example.org/v1/")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    scripted.reply(200, chat_reply("Hi"))
    with Client("openai/gpt-4o", transport=scripted, clock=clock, cache=False) as client:
        client.ask("Hello")

    (call,) = scripted.calls
    assert call.url == "https://proxy.example.org/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {SECRET}"
    assert (call.headers["openai-organization"], call.headers["openai-project"]) == ("org-1", "proj-1")
    assert SECRET not in repr(call)


def test_defaults(client, scripted):
    """
    The address has a default, and organization and project are not sent unless they are set.
    """
    scripted.reply(200, chat_reply("Hi"))
    client.ask("Hello")

    (call,) = scripted.calls
    assert call.url == "https://api.openai.com/v1/chat/completions"
    assert not {"openai-organization", "openai-project"} & set(call.headers)


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini-2025-08-07", "gpt-6.1-sol"])
def test_parameters_of_reasoning_models(ask, model):
    """
    Reasoning models get ``max_completion_tokens`` and no temperature; both are reported as adaptations.
    """
    body, adaptations = ask(model, max_tokens=5, temperature=0.5)

    assert body["max_completion_tokens"] == 5
    assert not {"max_tokens", "temperature"} & set(body)
    assert sorted(adaptations) == [("max_tokens", "renamed"), ("temperature", "dropped")]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-3.5-turbo", "ft:gpt-4o:me::1"])
def test_parameters_of_other_models(ask, model):
    """
    Models without rules get the parameters of the request.
    """
    body, adaptations = ask(model, max_tokens=5, temperature=0.5)

    assert (body["max_tokens"], body["temperature"]) == (5, 0.5)
    assert adaptations == []


@pytest.mark.parametrize(
    ("model", "effort", "is_sent"),
    [
        ("gpt-5.1", None, True),
        ("gpt-5.1", "low", False),
        ("gpt-5.5", None, False),
        ("gpt-5.5", "none", True),
        ("gpt-5", "minimal", False),
        ("gpt-5-chat-latest", None, True),
        ("gpt-5.1-chat-latest", None, False),
    ],
)
def test_temperature_depends_on_the_effort(ask, model, effort, is_sent):
    """
    A model gets a temperature if it does not reason, by default or by the effort of the request.
    """
    body, _ = ask(model, temperature=0.5, reasoning_effort=effort)

    assert ("temperature" in body) is is_sent


def test_roles(openai):
    """
    System and developer messages keep their roles.
    """
    instruction = Message(role="developer", parts=(TextPart(text="Be brief."),))
    request = ChatRequest(model="gpt-4o", messages=(instruction, Message.user("Hello")))
    body = json.loads(openai().encode(request, stream=False).body)

    assert [message["role"] for message in body["messages"]] == ["developer", "user"]


def test_vendor_parts(openai):
    """
    Vendor parts are attributed to OpenAI, so that they are sent only to OpenAI.
    """
    request = ChatRequest(model="gpt-4o", messages=(Message.user("Hello"),))
    body = json.dumps(chat_reply("Hi", annotations=[1])).encode()
    response = openai().decode(request, HTTPReply(ReplyHead(200, {}), body))

    assert response.message.parts[-1] == VendorPart(provider="openai", kind="annotations", data=[1])


def test_settings_do_not_show_the_key(openai):
    """
    The repr and the dump of settings and provider do not contain the key.
    """
    settings = OpenAISettings(api_key=SECRET)

    assert SECRET not in f"{settings} {settings!r} {vars(openai(api_key=SECRET))}"
    assert SECRET not in settings.model_dump_json()
