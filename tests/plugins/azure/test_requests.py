from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.errors import CredentialError
from budwood.types import ChatRequest, Credential, Message
from budwood_azure import AzureBase, AzureSettings
from budwood_openai_compatible import Body
from budwood_testing import chat_reply


def encode(provider, model="chat", **fields):
    """
    Encode a request, and return its body and adaptations.
    """
    call = provider.encode(ChatRequest(model=model, messages=(Message.user("Hello"),), **fields), stream=False)
    return json.loads(call.body), {(adaptation.parameter, adaptation.action) for adaptation in call.adaptations}


def test_environment_variables(scripted, clock, monkeypatch):
    """
    Endpoint, key and version are read from the variables of OpenAI's library for Azure.
    """
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "the-key")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    scripted.reply(200, chat_reply("Hi"))
    with Client("azure/chat", transport=scripted, clock=clock, cache=False) as client:
        client.ask("Hello")

    (call,) = scripted.calls
    assert call.url == "https://res.openai.azure.com/openai/deployments/chat/chat/completions?api-version=2024-10-21"
    assert call.headers["api-key"] == "the-key"
    assert "authorization" not in call.headers
    assert "the-key" not in repr(call)


def test_nothing_is_sent_without_a_credential(make_client, scripted):
    """
    Without a key or token, the error names the variable.
    """
    with make_client(api_version="v") as client, pytest.raises(CredentialError, match="AZURE_OPENAI_API_KEY"):
        client.ask("Hello")
    assert scripted.calls == []


@pytest.mark.parametrize(
    ("kind", "header"), [("key", ("api-key", "s3cret")), ("token", ("authorization", "Bearer s3cret"))]
)
def test_headers_of_keys_and_tokens(azure, kind, header):
    """
    A key is sent as ``api-key``, a token as ``Authorization``.
    """
    call = azure().encode(ChatRequest(model="m", messages=(Message.user("Hello"),)), stream=False)
    sent = azure().authorize(call, Credential(secret="s3cret", kind=kind)).headers

    assert {name: value for name, value in sent.items() if "s3cret" in value} == dict([header])


@pytest.mark.parametrize(
    ("family", "model", "adapted"),
    [
        (None, "my-chat", False),
        (None, "gpt-5-mini", True),
        ("gpt-5-mini", "my-chat", True),
        ("gpt-4o", "gpt-5-mini", False),
        ({"fast": "gpt-5-mini"}, "fast", True),
        ({"fast": "gpt-5-mini"}, "my-chat", False),
    ],
)
def test_model_family_determines_the_rules(azure, family, model, adapted):
    """
    The catalog's rules are those of the model family of the deployment.
    """
    body, adaptations = encode(azure(model_family=family), model, max_tokens=5, temperature=0.5)

    assert body["model"] == model
    assert ("max_completion_tokens" in body, "temperature" not in body) == (adapted, adapted)
    assert adaptations == ({("max_tokens", "renamed"), ("temperature", "dropped")} if adapted else set())


def test_model_family_in_a_client(make_client, scripted):
    """
    In a client, the rules of OpenAI's models apply to deployments of the family.
    """
    scripted.reply(200, chat_reply("Hi"))
    with make_client(api_key="k", model_family={"chat": "o3"}) as client:
        reply = client.ask("Hello", max_tokens=5)

    assert scripted.sent()["max_completion_tokens"] == 5
    assert [adaptation.parameter for adaptation in reply.adaptations] == ["max_tokens"]


def test_rules_of_the_settings_take_precedence(scripted, clock):
    """
    Rules of the settings for a deployment take precedence over those of the family.
    """
    row = {"renames": {"max_tokens": "max_completion_tokens"}, "refuses": ["temperature"]}
    settings = {
        "providers": {"azure": {"base_url": "https://res.openai.azure.com", "api_key": "k"}},
        "models": {"azure/my-4.1-mini": row},
    }
    scripted.reply(200, chat_reply("Hi"))
    with Client("azure/my-4.1-mini", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        client.ask("Hello", max_tokens=5, temperature=0.5)

    assert scripted.sent()["max_completion_tokens"] == 5
    assert "temperature" not in scripted.sent()


def test_role_of_instructions(azure):
    """
    System and developer messages have one role, because Azure's reasoning models reject both together.
    """
    messages = (Message.system("a"), Message(role="developer", parts=Message.user("b").parts), Message.user("c"))
    call = azure().encode(ChatRequest(model="m", messages=messages), stream=False)

    assert [message["role"] for message in json.loads(call.body)["messages"]] == ["system", "system", "user"]


class Renaming(AzureBase):
    """
    A provider for models with another name of max_tokens, and the text of replies in another field.
    """

    def build_chat_body(self, request, *, stream):
        values, adaptations = super().build_chat_body(request, stream=stream)
        values["max_new_tokens"] = values.pop("max_tokens", 100)
        return Body(values, adaptations)

    def normalize(self, body):
        return {**body, "choices": [{"message": {"content": body["output"]}, "finish_reason": "stop"}]}


def test_derived_provider(azure):
    """
    A derived provider can change requests and replies.
    """
    from budwood.types import HTTPReply, ReplyHead

    provider = azure(Renaming)
    request = ChatRequest(model="m", messages=(Message.user("Hello"),), max_tokens=7)
    reply = HTTPReply(ReplyHead(200, {}), b'{"output": "Hi"}')

    assert json.loads(provider.encode(request, stream=False).body)["max_new_tokens"] == 7
    assert provider.decode(request, reply).text == "Hi"


def test_settings_do_not_show_secrets():
    """
    The repr and the dump of settings do not contain a key, a token or a token source.
    """
    for settings in (
        AzureSettings(api_key="very-secret"),
        AzureSettings(token="very-secret"),
        AzureSettings(token_source=lambda: "very-secret"),
    ):
        assert "very-secret" not in f"{settings} {settings!r} {settings.model_dump_json()}"
        assert "token_source" not in settings.model_dump()
