"""Which transport a client uses, and how users choose it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import httpx
import pytest

from budwood import AsyncClient, Client
from budwood.contracts import AsyncTransport
from budwood.errors import (
    ConfigurationError,
    PluginDisabledError,
    PluginLoadError,
    PluginNotFoundError,
    UnsupportedError,
)
from budwood.plugins import Registry
from budwood.transports.httpx_client import AsyncHTTPXTransport, HTTPXTransport
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood_aiohttp.transport import AiohttpTransport
from budwood_httptools.transport import HttptoolsTransport
from budwood_testing import chat_reply
from tests.servers import reply

OPENAI = {"providers": {"openai": {"api_key": "sk-test-secret"}}}
CARRIES = """
from budwood.hooks import TransportSpec, hookimpl
from budwood_testing import ScriptedTransport, chat_reply
from budwood.wire.transport_settings import TransportSettings


class Settings(TransportSettings):
    message: str = "Carried."


class Things:
    def __init__(self, settings, context):
        self.scripted = ScriptedTransport().reply(200, chat_reply(settings.message))

    def blocking(self):
        return self.scripted

    def asynchronous(self):
        return self.scripted.asynchronous


@hookimpl
def budwood_transports():
    return [TransportSpec(name="pigeon", settings=lambda: Settings, build=Things, requires_api=(2, 0), summary="Slow.")]
"""


@pytest.fixture(autouse=True)
def _no_proxies(loopback_server):
    """
    Remove the proxies of the machine, which would change the choice.
    """


def choose_async(**arguments):
    """
    Create an async client, and return its transport.
    """

    async def choose() -> AsyncTransport:
        async with AsyncClient("openai/gpt-4o", **({"settings": OPENAI} | arguments)) as client:
            return client._get_transport()

    return asyncio.run(choose())


def choose_blocking(**arguments):
    """
    Create a client, and return its transport.
    """
    with Client("openai/gpt-4o", **({"settings": OPENAI} | arguments)) as client:
        return client._get_transport()


@pytest.mark.parametrize("message", [{}, {"transport": "auto"}, {"transport": "AUTO"}, {"transport": None}])
def test_auto_chooses_the_fastest_installed_transport(message):
    """
    That is httptools for async clients, and the default transport for the others.
    """
    assert isinstance(choose_async(**message), HttptoolsTransport)
    assert isinstance(choose_blocking(**message), PooledTransport)


def test_auto_skips_transports_without_support_for_the_proxy(monkeypatch):
    """
    Aiohttp supports HTTP proxies, and the default transport SOCKS.
    """
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert isinstance(choose_async(), AiohttpTransport)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    assert isinstance(choose_async(), AsyncPooledTransport)


@pytest.mark.parametrize("name", ["default", "DEFAULT"])
def test_named_transport_is_used(name):
    """
    Names are compared without case.
    """
    assert isinstance(choose_async(transport=name), AsyncPooledTransport)
    assert isinstance(choose_blocking(transport=name), PooledTransport)


def test_settings_name_the_transport(monkeypatch, tmp_path):
    """
    They do so in a file; the environment takes precedence over that, and the argument over both.
    """
    (tmp_path / "budwood.toml").write_text('transport = "default"\n[providers.openai]\napi_key = "k"\n', "utf-8")
    assert isinstance(choose_async(settings=None), AsyncPooledTransport)

    monkeypatch.setenv("BUDWOOD_TRANSPORT", "aiohttp")
    assert isinstance(choose_async(settings=None), AiohttpTransport)
    assert isinstance(choose_async(settings=None, transport="default"), AsyncPooledTransport)


def test_settings_of_the_environment_apply(monkeypatch, loopback_server):
    """
    The proxy of the section in the environment is used.
    """
    loopback_server.play(reply(200, chat_reply("By proxy.")))
    monkeypatch.setenv("BUDWOOD_TRANSPORTS__DEFAULT__PROXY", loopback_server.url)
    monkeypatch.setenv("BUDWOOD_PROVIDERS__OPENAI__BASE_URL", "http://vendor.invalid/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-secret")

    with Client("openai/gpt-4o", cache=False) as client:
        assert client.ask("Hi").text == "By proxy."
    assert loopback_server.requests[0].line.startswith("POST http://vendor.invalid/v1/")


def test_configured_transports_are_preferred():
    """
    If the settings have sections of transports, "auto" chooses the fastest of those.
    """
    default_alone = OPENAI | {"transports": {"default": {"max_connections": 5}}}
    both = OPENAI | {"transports": {"default": {}, "aiohttp": {"max_connections": 5}}}

    assert isinstance(choose_async(settings=default_alone), AsyncPooledTransport)
    assert choose_async(settings=default_alone)._settings.max_connections == 5
    assert isinstance(choose_async(settings=both), AiohttpTransport)
    assert isinstance(choose_async(settings=OPENAI | {"transports": {"aiohttp": {}}}), AiohttpTransport)
    assert isinstance(
        choose_async(settings=OPENAI | {"transports": {"office": {"plugin": "default"}}}), HttptoolsTransport
    )
    assert choose_async(settings=both)._settings.max_connections == 5


def test_instance_has_its_own_name():
    """
    A section may have any name, and name the transport in `plugin`.
    """
    settings = OPENAI | {"transports": {"office": {"plugin": "default", "max_connections": 7}}}

    assert choose_async(settings=settings, transport="office")._settings.max_connections == 7


@pytest.mark.parametrize(
    "wrong", [{"proxi": "http://h:1"}, {"max_connections": 0}, {"keepalive_expiry": "soon"}, {"proxy": "ftp://h"}]
)
@pytest.mark.parametrize("name", ["default", "aiohttp", "httptools"])
def test_error_of_settings_names_the_key(name, wrong):
    """
    It names the section as well.
    """
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        choose_async(settings=OPENAI | {"transports": {name: wrong}}, transport=name)


def test_client_of_httpx_sends_the_calls():
    """
    Its mocks and hooks apply, and it is not closed.
    """
    seen = []
    mock = httpx.MockTransport(lambda request: httpx.Response(200, json=chat_reply(f"To {request.url.host}.")))
    with httpx.Client(transport=mock, event_hooks={"request": [seen.append]}) as own:
        with Client("openai/gpt-4o", settings=OPENAI, cache=False, transport=own) as client:
            assert isinstance(client._get_transport(), HTTPXTransport)
            assert client.ask("Hi").text == "To api.openai.com."
        assert not own.is_closed

    assert seen[0].headers["authorization"] == "Bearer sk-test-secret"


def test_async_client_of_httpx_sends_the_calls():
    """
    The same applies to an async client.
    """
    seen = []

    async def note(request):
        seen.append(request)

    mock = httpx.MockTransport(lambda _: httpx.Response(200, json=chat_reply("Mocked.")))

    async def ask() -> str:
        async with httpx.AsyncClient(transport=mock, event_hooks={"request": [note]}) as own:
            async with AsyncClient("openai/gpt-4o", settings=OPENAI, cache=False, transport=own) as client:
                assert isinstance(client._get_transport(), AsyncHTTPXTransport)
                text = (await client.ask("Hi")).text
            assert not own.is_closed
        return text

    assert asyncio.run(ask()) == "Mocked."
    assert len(seen) == 1


def test_client_of_httpx_uses_its_own_proxy(loopback_server):
    """
    Its configuration applies.
    """
    loopback_server.play(reply(200, chat_reply("By proxy.")))
    settings = {"providers": {"openai": {"api_key": "k", "base_url": "http://vendor.invalid/v1"}}}
    with (
        httpx.Client(proxy=loopback_server.url) as own,
        Client("openai/gpt-4o", settings=settings, cache=False, transport=own) as client,
    ):
        assert client.ask("Hi").text == "By proxy."


def test_wrong_kind_of_httpx_client_is_rejected():
    """
    A blocking one cannot serve an async client, or vice versa; the error names the right one.
    """
    with pytest.raises(ConfigurationError, match=r"Client cannot use it.*httpx\.Client"):
        Client("openai/gpt-4o", settings=OPENAI, transport=httpx.AsyncClient())
    with httpx.Client() as own, pytest.raises(ConfigurationError, match=r"AsyncClient cannot use it.*AsyncClient"):
        AsyncClient("openai/gpt-4o", settings=OPENAI, transport=own)


@pytest.mark.parametrize("nonsense", [42, object(), ["httpx"], b"httpx", True])
def test_objects_that_are_no_transport_are_rejected(nonsense):
    """
    The error is raised when the client is created, not at the first request.
    """
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigurationError, match="transport="):
            kind("openai/gpt-4o", settings=OPENAI, transport=nonsense)


def test_unknown_name_is_reported_when_the_client_is_created():
    """
    The error names the nearest match, or what is installed.
    """
    for kind in (Client, AsyncClient):
        with pytest.raises(PluginNotFoundError, match=r"defualt.*default"):
            kind("openai/gpt-4o", settings=OPENAI, transport="defualt")
        with pytest.raises(PluginNotFoundError, match=r"carrier.*aiohttp.*default"):
            kind("openai/gpt-4o", settings=OPENAI, transport="carrier")


def test_httpx_is_a_client_and_not_a_name():
    """
    The error says to pass a client of httpx, and names the default transport.
    """
    for kind in (Client, AsyncClient):
        with pytest.raises(PluginNotFoundError, match=r"transport=httpx\.Client\(\).*\"default\""):
            kind("openai/gpt-4o", settings=OPENAI, transport="httpx")


def test_own_transport_that_is_not_installed_names_its_distribution(inventory_of):
    """
    The error says how to install it.
    """
    with pytest.raises(PluginNotFoundError, match="Install budwood-aiohttp"):
        AsyncClient(transport="aiohttp", registry=Registry(inventory=inventory_of()), settings={})


def test_blocking_client_cannot_use_aiohttp():
    """
    The error names the client that can, and the alternative.
    """
    client = Client("openai/gpt-4o", settings=OPENAI, transport="aiohttp")

    with client, pytest.raises(UnsupportedError, match=r"AsyncClient.*auto"):
        client.ask("Hi")


def test_transport_of_another_distribution_sends_the_calls(make_distribution, inventory_of):
    """
    It is used by its name, with its own settings.
    """
    make_distribution(plugins=["pigeon"], group="budwood.transports", source=CARRIES)
    settings = OPENAI | {"transports": {"pigeon": {"message": "Cooo."}}}

    with Client("openai/gpt-4o", settings=settings, cache=False, transport="pigeon") as client:
        assert client.ask("Hi").text == "Cooo."

    async def ask() -> str:
        async with AsyncClient("openai/gpt-4o", settings=settings, cache=False, transport="pigeon") as client:
            return (await client.ask("Hi")).text

    assert asyncio.run(ask()) == "Cooo."


def test_transport_that_fails_to_load_is_skipped(monkeypatch):
    """
    By its name it is an error with the cause; "auto" skips it, unless the settings configure it.
    """
    monkeypatch.setitem(sys.modules, "budwood_httptools", None)
    monkeypatch.setitem(sys.modules, "budwood_aiohttp", None)

    with pytest.raises(PluginLoadError, match="budwood-aiohttp"):
        choose_async(transport="aiohttp")
    assert isinstance(choose_async(), AsyncPooledTransport)
    with pytest.raises(PluginLoadError, match="budwood-aiohttp"):
        choose_async(settings=OPENAI | {"transports": {"aiohttp": {}}})


def test_disabled_transport_is_skipped(monkeypatch):
    """
    Without the faster ones, the default transport is used.
    """
    monkeypatch.setenv("BUDWOOD_PLUGINS_DISABLED", "aiohttp,httptools")

    assert isinstance(choose_async(), AsyncPooledTransport)
    with pytest.raises(PluginDisabledError):
        choose_async(transport="aiohttp")


def test_lists_show_transports():
    """
    They show the kind, and that the plugin is valid. A busy machine needs its time to import them all.
    """
    for command in (["list"], ["doctor", "--timeout", "86400"]):
        ran = subprocess.run(
            [sys.executable, "-m", "budwood_cli", "plugins", *command, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        found = {row["name"]: row for row in json.loads(ran.stdout) if row["kind"] == "transport"}
        assert set(found) == {"aiohttp", "httptools", "default"}
        assert "broken" not in ran.stdout
