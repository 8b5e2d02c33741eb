"""Which transport carries the calls of a client, and how users say so."""

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
    said: str = "Carried."


class Things:
    def __init__(self, settings, context):
        self.scripted = ScriptedTransport().reply(200, chat_reply(settings.said))

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
    No proxy of the machine changes what is chosen.
    """


def chosen(**arguments):
    """
    Make an async client, and return its transport.
    """

    async def choose() -> AsyncTransport:
        async with AsyncClient("openai/gpt-4o", **({"settings": OPENAI} | arguments)) as client:
            return client._get_transport()

    return asyncio.run(choose())


def chosen_blocking(**arguments):
    """
    Make a client, and return its transport.
    """
    with Client("openai/gpt-4o", **({"settings": OPENAI} | arguments)) as client:
        return client._get_transport()


@pytest.mark.parametrize("said", [{}, {"transport": "auto"}, {"transport": "AUTO"}, {"transport": None}])
def test_auto_takes_the_fastest_that_is_installed(said):
    """
    That is httptools for async clients, and the default for the others.
    """
    assert isinstance(chosen(**said), HttptoolsTransport)
    assert isinstance(chosen_blocking(**said), PooledTransport)


def test_what_the_fastest_cannot_the_next_does(monkeypatch):
    """
    Through a proxy goes aiohttp, and through one of SOCKS the default.
    """
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert isinstance(chosen(), AiohttpTransport)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    assert isinstance(chosen(), AsyncPooledTransport)


@pytest.mark.parametrize("name", ["default", "DEFAULT"])
def test_a_name_is_what_is_taken(name):
    """
    Names compare without their case.
    """
    assert isinstance(chosen(transport=name), AsyncPooledTransport)
    assert isinstance(chosen_blocking(transport=name), PooledTransport)


def test_settings_name_it(monkeypatch, tmp_path):
    """
    In a file, in the environment, which wins over that, and as an argument, which wins over all.
    """
    (tmp_path / "budwood.toml").write_text('transport = "default"\n[providers.openai]\napi_key = "k"\n', "utf-8")
    assert isinstance(chosen(settings=None), AsyncPooledTransport)

    monkeypatch.setenv("BUDWOOD_TRANSPORT", "aiohttp")
    assert isinstance(chosen(settings=None), AiohttpTransport)
    assert isinstance(chosen(settings=None, transport="default"), AsyncPooledTransport)


def test_settings_set_it_up(monkeypatch, loopback_server):
    """
    A proxy of the environment's own section is used.
    """
    loopback_server.play(reply(200, chat_reply("By proxy.")))
    monkeypatch.setenv("BUDWOOD_TRANSPORTS__DEFAULT__PROXY", loopback_server.url)
    monkeypatch.setenv("BUDWOOD_PROVIDERS__OPENAI__BASE_URL", "http://vendor.invalid/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-secret")

    with Client("openai/gpt-4o", cache=False) as client:
        assert client.ask("Hi").text == "By proxy."
    assert loopback_server.requests[0].line.startswith("POST http://vendor.invalid/v1/")


def test_who_sets_one_up_gets_it():
    """
    Sections say which transports are wanted; of several the fastest goes first.
    """
    default_alone = OPENAI | {"transports": {"default": {"max_connections": 5}}}
    both = OPENAI | {"transports": {"default": {}, "aiohttp": {"max_connections": 5}}}

    assert isinstance(chosen(settings=default_alone), AsyncPooledTransport)
    assert chosen(settings=default_alone)._settings.max_connections == 5
    assert isinstance(chosen(settings=both), AiohttpTransport)
    assert isinstance(chosen(settings=OPENAI | {"transports": {"aiohttp": {}}}), AiohttpTransport)
    assert isinstance(chosen(settings=OPENAI | {"transports": {"office": {"plugin": "default"}}}), HttptoolsTransport)
    assert chosen(settings=both)._settings.max_connections == 5


def test_an_instance_has_a_name_of_its_own():
    """
    A section may have any name, and say by `plugin` which transport it sets up.
    """
    settings = OPENAI | {"transports": {"office": {"plugin": "default", "max_connections": 7}}}

    assert chosen(settings=settings, transport="office")._settings.max_connections == 7


@pytest.mark.parametrize(
    "wrong", [{"proxi": "http://h:1"}, {"max_connections": 0}, {"keepalive_expiry": "soon"}, {"proxy": "ftp://h"}]
)
@pytest.mark.parametrize("name", ["default", "aiohttp", "httptools"])
def test_wrong_settings_are_said_by_their_key(name, wrong):
    """
    The error names section and key.
    """
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        chosen(settings=OPENAI | {"transports": {name: wrong}}, transport=name)


def test_a_client_of_httpx_carries_the_calls():
    """
    With its mocks and hooks, as users of httpx know them; it stays open.
    """
    seen = []
    mock = httpx.MockTransport(lambda request: httpx.Response(200, json=chat_reply(f"To {request.url.host}.")))
    with httpx.Client(transport=mock, event_hooks={"request": [seen.append]}) as own:
        with Client("openai/gpt-4o", settings=OPENAI, cache=False, transport=own) as client:
            assert isinstance(client._get_transport(), HTTPXTransport)
            assert client.ask("Hi").text == "To api.openai.com."
        assert not own.is_closed

    assert seen[0].headers["authorization"] == "Bearer sk-test-secret"


def test_an_async_client_of_httpx_carries_the_calls():
    """
    The same, awaited.
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


def test_a_client_of_httpx_brings_its_own_proxy(loopback_server):
    """
    What it was set up with holds.
    """
    loopback_server.play(reply(200, chat_reply("By proxy.")))
    settings = {"providers": {"openai": {"api_key": "k", "base_url": "http://vendor.invalid/v1"}}}
    with (
        httpx.Client(proxy=loopback_server.url) as own,
        Client("openai/gpt-4o", settings=settings, cache=False, transport=own) as client,
    ):
        assert client.ask("Hi").text == "By proxy."


def test_the_other_client_of_httpx_is_refused():
    """
    A blocking one cannot serve an async client, nor the other way round; the error names what can.
    """
    with pytest.raises(ConfigurationError, match=r"Client cannot use it.*httpx\.Client"):
        Client("openai/gpt-4o", settings=OPENAI, transport=httpx.AsyncClient())
    with httpx.Client() as own, pytest.raises(ConfigurationError, match=r"AsyncClient cannot use it.*AsyncClient"):
        AsyncClient("openai/gpt-4o", settings=OPENAI, transport=own)


@pytest.mark.parametrize("nonsense", [42, object(), ["httpx"], b"httpx", True])
def test_what_is_no_transport_is_refused(nonsense):
    """
    When the client is made, and not when it first asks.
    """
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigurationError, match="transport="):
            kind("openai/gpt-4o", settings=OPENAI, transport=nonsense)


def test_an_unknown_name_is_said_when_the_client_is_made():
    """
    With the near match, or with what is installed.
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


def test_one_of_ours_that_is_not_installed_tells_how_to_get_it(inventory_of):
    """
    It is named by its distribution.
    """
    with pytest.raises(PluginNotFoundError, match="Install budwood-aiohttp"):
        AsyncClient(transport="aiohttp", registry=Registry(inventory=inventory_of()), settings={})


def test_a_blocking_client_cannot_have_aiohttp():
    """
    The error names the client that can, and what to write else.
    """
    client = Client("openai/gpt-4o", settings=OPENAI, transport="aiohttp")

    with client, pytest.raises(UnsupportedError, match=r"AsyncClient.*auto"):
        client.ask("Hi")


def test_a_transport_of_anybody_carries_the_calls(make_distribution, inventory_of):
    """
    Whoever installs a distribution has its transport by its name, with settings of its own.
    """
    make_distribution(plugins=["pigeon"], group="budwood.transports", source=CARRIES)
    settings = OPENAI | {"transports": {"pigeon": {"said": "Cooo."}}}

    with Client("openai/gpt-4o", settings=settings, cache=False, transport="pigeon") as client:
        assert client.ask("Hi").text == "Cooo."

    async def ask() -> str:
        async with AsyncClient("openai/gpt-4o", settings=settings, cache=False, transport="pigeon") as client:
            return (await client.ask("Hi")).text

    assert asyncio.run(ask()) == "Cooo."


def test_a_transport_that_fails_harms_its_own_name_alone(monkeypatch):
    """
    By its name it is an error that names the cause; "auto" takes the next, unless the settings set up the broken.
    """
    monkeypatch.setitem(sys.modules, "budwood_httptools", None)
    monkeypatch.setitem(sys.modules, "budwood_aiohttp", None)

    with pytest.raises(PluginLoadError, match="budwood-aiohttp"):
        chosen(transport="aiohttp")
    assert isinstance(chosen(), AsyncPooledTransport)
    with pytest.raises(PluginLoadError, match="budwood-aiohttp"):
        chosen(settings=OPENAI | {"transports": {"aiohttp": {}}})


def test_a_transport_that_is_disabled_is_passed_over(monkeypatch):
    """
    Who blocks the faster ones gets the default.
    """
    monkeypatch.setenv("BUDWOOD_PLUGINS_DISABLED", "aiohttp,httptools")

    assert isinstance(chosen(), AsyncPooledTransport)
    with pytest.raises(PluginDisabledError):
        chosen(transport="aiohttp")


def test_lists_show_transports():
    """
    With what they are, and that they are in order.
    """
    for command in ("list", "doctor"):
        ran = subprocess.run(
            [sys.executable, "-m", "budwood_cli", "plugins", command, "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = {row["name"]: row for row in json.loads(ran.stdout) if row["kind"] == "transport"}
        assert set(found) == {"aiohttp", "httptools", "default"}
        assert "broken" not in ran.stdout
