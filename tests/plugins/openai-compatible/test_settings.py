from __future__ import annotations

import pytest
from pydantic import ValidationError

from budwood import Client
from budwood.errors import AuthenticationError, ConfigurationError, CredentialError
from budwood.types import Capability, ChatRequest, Credential, Message
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_openai_compatible.endpoint import OPTIONAL_CAPABILITIES
from budwood_testing import chat_reply

SECRET = "sk-very-secret"
REQUEST = ChatRequest(model="m", messages=(Message.user("Hello"),))


@pytest.fixture
def ask(scripted, clock):
    """
    Ask a model once, and return the request that was sent.
    """

    def ask_model(model, **settings):
        scripted.reply(200, chat_reply("Hi"))
        with Client(model, transport=scripted, clock=clock, cache=False, **settings) as client:
            client.ask("Hello", max_tokens=5, temperature=0.5)
        return scripted.calls[-1]

    return ask_model


@pytest.mark.parametrize("base_url", ["http://localhost:8000/v1", "http://localhost:8000/v1/"])
def test_base_url_with_a_trailing_slash(new_provider, base_url):
    """
    A trailing slash of the base URL has no effect.
    """
    provider = new_provider(base_url=base_url)

    assert provider.encode(REQUEST, stream=False).url == "http://localhost:8000/v1/chat/completions"
    assert provider.encode_models().url == "http://localhost:8000/v1/models"


def test_base_url_without_a_version(new_provider):
    """
    No ``/v1`` is added to the base URL, because some servers have none.
    """
    assert new_provider(base_url="https://example.org").encode(REQUEST, stream=False).url == (
        "https://example.org/chat/completions"
    )


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "ftp://example.org", "", "http://h/v1/chat/completions/"])
def test_invalid_base_url_is_rejected(base_url):
    """
    A base URL without a scheme, or of an operation, is rejected when the client is created.
    """
    with pytest.raises(ValidationError, match="base_url"):
        OpenAICompatibleSettings(base_url=base_url)


def test_unknown_setting_is_rejected():
    """
    A misspelled setting is rejected.
    """
    with pytest.raises(ValidationError, match="base_ulr"):
        OpenAICompatibleSettings(base_url="http://h", base_ulr="http://h")


def test_missing_base_url():
    """
    Without a base URL, the error names the setting.
    """
    with pytest.raises(ConfigurationError, match="base_url"), Client("openai-compatible/m") as client:
        client.ask("Hello")


def test_headers_of_the_settings(new_provider):
    """
    Headers of the settings are sent with chats, embeddings and lists.
    """
    provider = new_provider(headers={"x-team": "a"})

    assert provider.encode(REQUEST, stream=False).headers["x-team"] == "a"
    assert provider.encode_models().headers["x-team"] == "a"


def test_lacks(new_provider):
    """
    Capabilities exclude those in ``lacks`` and the optional ones.
    """
    default = OpenAICompatible.all_capabilities - OPTIONAL_CAPABILITIES

    assert new_provider(lacks={"tools", "stream_options"}).capabilities == default - {Capability.TOOLS}


def test_offers(new_provider):
    """
    Optional capabilities are claimed only if ``offers`` lists them.
    """
    assert Capability.COUNT_TOKENS in new_provider(offers={"count_tokens"}).capabilities
    assert Capability.MODERATION not in new_provider(offers={"count_tokens"}).capabilities


def test_key_is_only_in_the_authorized_request(new_provider):
    """
    Only `authorize` adds the key, and the repr of its request does not show it.
    """
    provider = new_provider(api_key=SECRET)
    call = provider.encode(REQUEST, stream=False)
    authorised = provider.authorize(call, Credential(secret=SECRET))

    assert SECRET not in str(dict(call.headers)) + call.url + call.body.decode()
    assert authorised.headers["authorization"] == f"Bearer {SECRET}"
    assert "authorization" not in call.headers
    for shown in (
        authorised,
        call,
        provider,
        vars(provider),
        OpenAICompatibleSettings(base_url="http://h", api_key=SECRET),
    ):
        assert SECRET not in repr(shown)


def test_rejected_key_is_not_in_the_error(scripted, clock):
    """
    An error does not contain the key, even if the server echoes it.
    """
    scripted.reply(401, {"error": {"message": f"Incorrect API key provided: {SECRET}.", "code": "invalid_api_key"}})
    with (
        Client("vllm/m", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.ask("Hello")

    assert SECRET not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_invalid_setting_does_not_show_the_key():
    """
    An error about settings does not show the key.
    """
    with pytest.raises(ValidationError) as caught:
        OpenAICompatibleSettings(base_url=SECRET, api_key=SECRET)

    assert SECRET not in str(caught.value)


LOCAL = {
    "vllm": "http://localhost:8000/v1",
    "llama-cpp": "http://localhost:8080/v1",
    "lm-studio": "http://localhost:1234/v1",
    "ollama-v1": "http://localhost:11434/v1",
}
SERVICES = {
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
}


@pytest.mark.parametrize(("name", "base_url"), LOCAL.items())
def test_local_presets(ask, name, base_url):
    """
    A preset of a local server requires neither settings nor a key.
    """
    call = ask(f"{name}/m")

    assert call.url == f"{base_url}/chat/completions"
    assert "authorization" not in call.headers
    assert b'"max_tokens":5' in call.body


@pytest.mark.parametrize(("name", "base_url", "variable"), [(name, *row) for name, row in SERVICES.items()])
def test_service_presets_require_a_key(ask, monkeypatch, name, base_url, variable):
    """
    A preset of a service requires the key in its variable. Without it, the error names the variable.
    """
    with pytest.raises(CredentialError, match=variable):
        ask(f"{name}/m")

    monkeypatch.setenv(variable, SECRET)
    call = ask(f"{name}/m")
    assert call.url == f"{base_url}/chat/completions"
    assert call.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("name", [*LOCAL, *SERVICES])
def test_base_url_overrides_a_preset(ask, name):
    """
    A base URL of the program takes precedence over the preset.
    """
    call = ask(f"{name}/m", base_url="http://localhost:9999/v2/", api_key=SECRET)

    assert call.url == "http://localhost:9999/v2/chat/completions"


def test_the_key_of_one_vendor_is_not_sent_to_another(ask, monkeypatch):
    """
    The key in the variable of a vendor is not sent to another server.
    """
    for variable in ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "OPENAI_COMPATIBLE_API_KEY"):
        monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv("BUDWOOD_PROVIDERS__MINE__PLUGIN", "openai-compatible")

    assert "authorization" not in ask("mine/m", base_url="http://localhost:9999").headers
    assert "authorization" not in ask("lm-studio/m").headers


def test_settings_from_the_environment(ask, monkeypatch):
    """
    The variables of a server set its base URL and key.
    """
    monkeypatch.setenv("VLLM_BASE_URL", "http://gpu:8000/v1")
    monkeypatch.setenv("VLLM_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_COMPATIBLE_BASE_URL", "http://mine:1/v1")

    assert ask("vllm/m").url == "http://gpu:8000/v1/chat/completions"
    assert ask("vllm/m").headers["authorization"] == f"Bearer {SECRET}"
    assert ask("openai-compatible/m").url == "http://mine:1/v1/chat/completions"


@pytest.mark.parametrize(("api", "expected"), [("chat", False), ("responses", True), ("auto", True)])
def test_models_have_responses_unless_only_chat_is_used(scripted, api, expected):
    """
    The details of a model say whether it can be asked by Responses.
    """
    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": "http://localhost:8000/v1"}}}
    settings["providers"]["local"]["api"] = api

    with Client("local/m", transport=scripted, settings=settings) as client:
        assert client.model().has_responses is expected
