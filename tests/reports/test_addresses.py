"""Base URLs and keys with typical mistakes: white space, endpoint paths, passwords, invalid URLs."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from budwood import AsyncClient, Client
from budwood.errors import BudwoodError, ConfigurationError
from budwood.types import HTTPCall
from budwood.wire.errors import origin
from budwood.wire.heads import parse_address
from budwood_testing import chat_reply
from tests.servers import KEEP_ALIVE, reply

INVALID = [
    "http://[::1/v1",
    "http://::1]/v1",
    "http://[::x]/v1",
    "http://a..b/v1",
    f"http://{'a' * 64}.example/v1",
    f"http://{'a.' * 127}example/v1",
    "http://bü..cher.example/v1",
    "http://host:port/v1",
    "http://host:99999/v1",
    "http://host:0/v1",
    "http://ho st/v1",
    "http:///v1",
    "http://",
    "localhost:8000/v1",
    "ftp://host/v1",
    "http:/host/v1",
    "http://host/v1\r\nx-evil: 1",
    "http://host/\x00",
    "http://\ud800/v1",
    "http://host/\udcff/v1",
    "http://host/v1?key=x",
    "http://host/v1#top",
]
PROVIDERS = ["openai", "openai-compatible", "anthropic", "gemini", "groq", "azure", "ollama"]


def explain(provider, base_url, **options):
    """
    Create a client with a base URL, make one call, and return the error.
    """
    options = {"api_key": "sk-test-secret", "cache": False, "retries": 0} | options
    with (
        pytest.raises(BudwoodError) as caught,
        Client(f"{provider}/any", base_url=base_url, **options) as client,
    ):
        client.ask("Hi")
    return caught.value


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("url", INVALID)
def test_invalid_base_url_is_an_error_of_configuration(loopback_server, provider, url):
    """
    Creating the client raises ConfigurationError, which names base_url; no exception of another library is raised.
    """
    if provider == "azure" and "?" in url:
        pytest.skip("Azure's addresses have the version of the API as their query")
    if provider == "ollama" and url in ("localhost:8000/v1", "http:///v1", "http://"):
        pytest.skip("Ollama takes a host alone, and none for this machine")

    error = explain(provider, url)

    assert isinstance(error, ConfigurationError)
    assert "base_url" in str(error)


@pytest.mark.parametrize(
    ("provider", "variable"),
    [("openai", "OPENAI_BASE_URL"), ("openai-compatible", "OPENAI_COMPATIBLE_BASE_URL"), ("ollama", "OLLAMA_HOST")],
)
def test_broken_unicode_in_the_environment_is_an_error_of_configuration(monkeypatch, provider, variable):
    """
    Python turns a byte that is not UTF-8 into half a surrogate pair; the call raises ConfigurationError.
    """
    monkeypatch.setenv(variable, "http://host\udcff/v1")

    with pytest.raises(ConfigurationError, match=f"base_url|{variable}"):
        Client(f"{provider}/any", api_key="sk-test-secret")


def test_broken_unicode_in_another_setting_is_an_error_of_configuration(monkeypatch):
    """
    The call raises ConfigurationError instead of a Pydantic error.
    """
    settings = {"providers": {"openai": {"headers": {"x-team": "\udcff"}, "api_key": "sk-test-secret"}}}

    with pytest.raises(ConfigurationError, match=r"\[providers.openai\]: a value is not valid text"):
        Client("openai/any", settings=settings)


@pytest.mark.parametrize("pattern", [" {} ", "{}\n", "'{}'", '"{}"', "{}///", "\t{}/ "])
@pytest.mark.parametrize("provider", ["openai", "openai-compatible", "groq", "anthropic", "gemini", "ollama"])
def test_blanks_and_quotes_around_a_base_url_are_removed(loopback_server, pattern, provider):
    """
    White space and quotes that come from shells and files are removed.
    """
    loopback_server.answer = lambda _: reply(500, "no")

    explain(provider, pattern.format(f"{loopback_server.url}/base"))

    assert loopback_server.requests[0].line.startswith("POST /base/")
    assert "//" not in loopback_server.requests[0].line


@pytest.mark.parametrize(
    ("provider", "endpoint"),
    [
        ("openai", "/v1/chat/completions"),
        ("openai-compatible", "/v1/completions/"),
        ("openai-compatible", "/v1/embeddings"),
        ("openai-compatible", "/v1/responses"),
        ("openai-compatible", "/v1/moderations"),
        ("openai-compatible", "/v1/models"),
        ("groq", "/openai/v1/chat/completions"),
        ("gemini", "/v1beta/models/gemini-2.5-flash:generateContent"),
        ("gemini", "/v1beta/models"),
        ("ollama", "/api/chat"),
    ],
)
def test_endpoint_at_the_end_of_a_base_url_is_named(provider, endpoint):
    """
    The error names the path that must be removed.
    """
    error = explain(provider, f"http://vendor.invalid{endpoint}")

    assert isinstance(error, ConfigurationError)
    assert "base_url" in str(error)
    assert "remove" in str(error)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/messages", "/v1/messages/count_tokens", "/v1/models"])
def test_anthropic_takes_any_of_its_addresses(loopback_server, ending):
    """
    The version and the endpoint are removed from the base URL.
    """
    loopback_server.answer = lambda _: reply(500, "no")

    explain("anthropic", loopback_server.url + ending)

    assert loopback_server.requests[0].line.startswith("POST /v1/messages ")


@pytest.mark.parametrize("url", ["https://models.example/v1beta", "http://host_1:8080/a", "http://[fe80::1%25eth0]/v1"])
def test_unusual_base_urls_are_valid(url):
    """
    A host named models, an underscore in a host name, and an IPv6 zone are accepted.
    """
    Client("gemini/any", base_url=url, api_key="sk-test-secret").close()
    assert parse_address(HTTPCall(method="GET", url=url)).host_header in url


@pytest.mark.parametrize("transport", ["blocking", "default", "httptools", "aiohttp", "httpx", "httpx-async"])
def test_password_in_a_base_url_does_not_replace_the_key(loopback_server, transport):
    """
    A password is sent; together with a key, which needs the same header, it is an error that shows neither.
    """
    loopback_server.answer = lambda _: reply(200, chat_reply("Hello."), **KEEP_ALIVE)
    url = loopback_server.url.replace("//", "//me:hush@") + "/v1"

    def ask(**options):
        options = {"base_url": url, "cache": False, "retries": 0} | options
        if transport in ("blocking", "httpx"):
            with (
                httpx.Client(trust_env=False) as own,
                Client(
                    "openai-compatible/any", transport=own if transport == "httpx" else "default", **options
                ) as client,
            ):
                return client.ask("Hi").text

        async def ask_async():
            own_transport = httpx.AsyncClient(trust_env=False) if transport == "httpx-async" else transport
            async with AsyncClient("openai-compatible/any", transport=own_transport, **options) as client:
                text = (await client.ask("Hi")).text
            if isinstance(own_transport, httpx.AsyncClient):
                await own_transport.aclose()
            return text

        return asyncio.run(ask_async())

    with pytest.raises(ConfigurationError, match="base_url contains a user name or password") as caught:
        ask(api_key="sk-test-secret")
    assert "hush" not in repr(caught.value)
    assert "secret" not in repr(caught.value)
    assert loopback_server.requests == []

    assert ask() == "Hello."
    assert loopback_server.requests[0].headers["authorization"] == "Basic bWU6aHVzaA=="


@pytest.mark.parametrize("key", [" sk-test-secret", "sk-test-secret\n", "\tsk-test-secret\r\n"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_blanks_around_a_key_are_named(provider, key):
    """
    White space around a key, from a file or a shell, raises an error that does not show the key.
    """
    error = explain(provider, "http://vendor.invalid/v1", api_key=key)

    assert isinstance(error, ConfigurationError)
    assert "API key begins or ends with white space" in str(error)
    assert "secret" not in repr(error)


@pytest.mark.parametrize("key", ["", " ", "\n"])
def test_blank_key_is_a_missing_key(key):
    """
    A key that consists of white space counts as missing.
    """
    with pytest.raises(ConfigurationError, match="no API key"):
        Client("openai/any", api_key=key).ask("Hi")


@pytest.mark.parametrize("url", ["http://[::1/v1", "http://a..b/v1", "http://\ud800/v1"])
def test_any_url_can_be_named_in_an_error(url):
    """
    Every URL, even an invalid one, has a short form for error messages.
    """
    assert isinstance(origin(url), str)
