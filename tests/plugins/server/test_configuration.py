"""What the settings make of a configuration."""

from __future__ import annotations

import asyncio

import pytest

from budwood import Settings
from budwood.errors import ConfigurationError
from budwood.types import RequestFinished
from budwood_server.gateway.configuration import Configuration
from budwood_server.settings import load_server_settings
from tests.plugins.server.keys import KEY
from tests.servers import reply

OPENAI = {"openai": {"api_key": "k"}}


def configure(server, providers=None, environment=None):
    """Return the configuration of some settings."""
    settings = Settings.load({"providers": providers or {}, "server": server}, environment=environment or {})
    return Configuration(settings, load_server_settings(settings))


@pytest.fixture
def opened():
    """Open configurations that are closed at the end."""
    found = []

    def open_one(*arguments, **options):
        found.append(configure(*arguments, **options))
        return found[-1]

    yield open_one
    for one in found:
        asyncio.run(one.replace())


def test_weak_admin_keys_are_refused():
    """
    The error names the setting, and does not contain the key.
    """
    with pytest.raises(ConfigurationError, match=r"^server\.admin_key: the key has fewer than 32 characters") as error:
        configure({"admin_key": "sk-1234"})

    assert "sk-1234" not in str(error.value)


def test_provider_of_a_public_name_is_configured(opened):
    """
    A provider that only a public name mentions can also be used by its own names.
    """
    configuration = opened({"models": {"demo": "offline/extractive"}})

    assert "offline" in configuration.providers
    assert configuration.names.resolve("offline/extractive").name == "offline/extractive"


def test_providers_are_configured_once(opened):
    """
    A provider with a section and in a public name is listed once.
    """
    configuration = opened({"models": {"fast": "openai/gpt-5.1"}}, OPENAI)

    assert configuration.providers.count("openai") == 1


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"models": {"fast": "nowhere/model"}}, "server.models.fast"),
        ({"models": {"fast": {"models": ["offline/a"], "routing": "bogus"}}}, "server.models.fast"),
        ({"models": {"fast": {"models": ["offline/a"], "weights": {"offline/b": 1}}}}, "weights"),
        ({"files_provider": "nowhere"}, "files_provider"),
        ({"allowed_origins": ["https://a.example/path"]}, "without a path"),
    ],
)
def test_invalid_settings_are_reported_at_the_start(server, problem):
    """
    What every request would find wrong is an error of the start.
    """
    with pytest.raises(ConfigurationError, match=problem):
        configure(server)


def test_calls_without_a_model_have_the_key(vendor):
    """
    Calls about files are recorded with the name and the tags of the key.
    """
    vendor.play(reply(body={"id": "file-1", "object": "file", "deleted": True}))
    settings = Settings.load(
        {"providers": {"openai": {"api_key": "k", "base_url": f"{vendor.url}/v1"}}}, environment={}
    )
    events = []
    configuration = Configuration(settings, load_server_settings(settings), observers=[Collector(events)])

    async def delete():
        client = configuration.client_without_model(KEY)
        assert configuration.client_without_model(KEY) is client
        await client.files.delete("file-1", provider="openai")
        await configuration.replace()

    asyncio.run(delete())

    assert [(event.label, event.tags) for event in events] == [(KEY.name, {"key": KEY.id})]


class Collector:
    """
    Collects the ends of requests.
    """

    event_types = (RequestFinished,)

    def __init__(self, events):
        self.observe = events.append
