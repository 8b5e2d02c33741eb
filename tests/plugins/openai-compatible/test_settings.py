from __future__ import annotations

import pytest
from pydantic import ValidationError

from budwood import Client
from budwood.errors import AuthenticationError, ConfigurationError, CredentialError
from budwood.types import Capability, ChatRequest, Credential, Message
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_testing import chat_reply

SECRET = "sk-very-secret"
REQUEST = ChatRequest(model="m", messages=(Message.user("Hello"),))


@pytest.fixture
def ask(scripted, clock):
    """
    Ask a model once, and return the call that was sent.
    """

    def asking(model, **settings):
        scripted.reply(200, chat_reply("Hi"))
        with Client(model, transport=scripted, clock=clock, cache=False, **settings) as client:
            client.ask("Hello", max_tokens=5, temperature=0.5)
        return scripted.calls[-1]

    return asking


@pytest.mark.parametrize("base_url", ["http://localhost:8000/v1", "http://localhost:8000/v1/"])
def test_a_slash_at_the_end_changes_nothing(speaker, base_url):
    """
    The address may end with a slash.
    """
    provider = speaker(base_url=base_url)

    assert provider.encode(REQUEST, stream=False).url == "http://localhost:8000/v1/chat/completions"
    assert provider.encode_models().url == "http://localhost:8000/v1/models"


def test_the_address_is_taken_at_its_word(speaker):
    """
    No ``/v1`` is added: servers that have none (DeepSeek's second address) are spoken to as well.
    """
    assert speaker(base_url="https://example.org").encode(REQUEST, stream=False).url == (
        "https://example.org/chat/completions"
    )


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "ftp://example.org", "", "http://h/v1/chat/completions/"])
def test_what_is_no_base_address_is_refused(base_url):
    """
    A missing scheme and an address that is too long are said at once.
    """
    with pytest.raises(ValidationError, match="base_url"):
        OpenAICompatibleSettings(base_url=base_url)


def test_an_unknown_setting_is_refused():
    """
    A misspelt setting is not passed over.
    """
    with pytest.raises(ValidationError, match="base_ulr"):
        OpenAICompatibleSettings(base_url="http://h", base_ulr="http://h")


def test_without_an_address_the_message_says_so():
    """
    The plugin by its own name knows no server until it is told one.
    """
    with pytest.raises(ConfigurationError, match="base_url"), Client("openai-compatible/m") as client:
        client.ask("Hello")


def test_headers_of_the_settings_go_with_every_request(speaker):
    """
    Further headers are sent with chats, embeddings and lists.
    """
    provider = speaker(headers={"x-team": "a"})

    assert provider.encode(REQUEST, stream=False).headers["x-team"] == "a"
    assert provider.encode_models().headers["x-team"] == "a"


def test_what_a_server_lacks_is_no_capability(speaker):
    """
    Capabilities are all but what the settings say that the server lacks, and what few servers have.
    """
    rare = {Capability.MODERATION, Capability.COUNT_TOKENS}
    most = OpenAICompatible.all_capabilities - rare

    assert speaker(lacks={"tools", "stream_options"}).capabilities == most - {Capability.TOOLS}


def test_what_a_server_offers_is_a_capability(speaker):
    """
    What few servers can do is claimed only where the settings say so.
    """
    assert Capability.COUNT_TOKENS in speaker(offers={"count_tokens"}).capabilities
    assert Capability.MODERATION not in speaker(offers={"count_tokens"}).capabilities


def test_the_key_is_in_the_authorised_call_alone(speaker):
    """
    Only `authorize` puts the key in, and its call does not show it.
    """
    provider = speaker(api_key=SECRET)
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


def test_a_refused_key_is_not_in_the_error(scripted, clock):
    """
    An error does not hold the key, even where the server says it back.
    """
    scripted.reply(401, {"error": {"message": f"Incorrect API key provided: {SECRET}.", "code": "invalid_api_key"}})
    with (
        Client("vllm/m", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.ask("Hello")

    assert SECRET not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_a_wrong_setting_does_not_show_the_key():
    """
    What settings refuse they do not repeat.
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
def test_local_servers_need_their_name_alone(ask, name, base_url):
    """
    A server on this machine needs neither settings nor key, and is asked in words that all servers know.
    """
    call = ask(f"{name}/m")

    assert call.url == f"{base_url}/chat/completions"
    assert "authorization" not in call.headers
    assert b'"max_tokens":5' in call.body


@pytest.mark.parametrize(("name", "base_url", "variable"), [(name, *row) for name, row in SERVICES.items()])
def test_services_need_their_name_and_a_key(ask, monkeypatch, name, base_url, variable):
    """
    A service needs its key, from its own variable; without one nothing is sent, and the error names the variable.
    """
    with pytest.raises(CredentialError, match=variable):
        ask(f"{name}/m")

    monkeypatch.setenv(variable, SECRET)
    call = ask(f"{name}/m")
    assert call.url == f"{base_url}/chat/completions"
    assert call.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("name", [*LOCAL, *SERVICES])
def test_a_preset_moves_to_another_address(ask, name):
    """
    What the program says wins over the preset.
    """
    call = ask(f"{name}/m", base_url="http://localhost:9999/v2/", api_key=SECRET)

    assert call.url == "http://localhost:9999/v2/chat/completions"


def test_the_key_of_one_vendor_is_not_sent_to_another(ask, monkeypatch):
    """
    A server of one's own does not get the key that stands in a vendor's variable.
    """
    for variable in ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "OPENAI_COMPATIBLE_API_KEY"):
        monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv("BUDWOOD_PROVIDERS__MINE__PLUGIN", "openai-compatible")

    assert "authorization" not in ask("mine/m", base_url="http://localhost:9999").headers
    assert "authorization" not in ask("lm-studio/m").headers


def test_addresses_from_the_environment(ask, monkeypatch):
    """
    The variables of a server give address and key.
    """
    monkeypatch.setenv("VLLM_BASE_URL", "http://gpu:8000/v1")
    monkeypatch.setenv("VLLM_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_COMPATIBLE_BASE_URL", "http://mine:1/v1")

    assert ask("vllm/m").url == "http://gpu:8000/v1/chat/completions"
    assert ask("vllm/m").headers["authorization"] == f"Bearer {SECRET}"
    assert ask("openai-compatible/m").url == "http://mine:1/v1/chat/completions"
