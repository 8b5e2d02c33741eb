"""Provider objects for recorded traffic."""

from __future__ import annotations

import pytest

from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood.testing import FakeClock
from budwood_anthropic import Anthropic, AnthropicSettings
from budwood_ollama import Ollama, OllamaSettings
from budwood_openai import OpenAI, OpenAISettings
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from tests.contract import recorded


@pytest.fixture
def provider(tmp_path):
    """
    Make the provider for a recording: OpenAI's own, or the one for whoever else speaks its API.
    """

    def make(file):
        name = "openai" if file.startswith("openai-chat") else "openai-compatible"
        context = PluginContext(
            instance=name,
            rules=lambda model: Catalog().rules(name, name, model),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
        )
        if name == "openai":
            return OpenAI(OpenAISettings(), context)
        settings = OpenAICompatibleSettings(base_url="http://localhost:8000/v1", system_role=None)
        return OpenAICompatible(settings, context)

    return make


@pytest.fixture
def ollama(tmp_path):
    """
    Make the provider of Ollama's native API, by default with the rules of the catalog.
    """

    def make(rules=None, **settings):
        context = PluginContext(
            instance="ollama",
            rules=lambda model: Catalog().rules("ollama", "ollama", model) if rules is None else rules,
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
        )
        return Ollama(OllamaSettings(**settings), context)

    return make


@pytest.fixture
def claude(tmp_path):
    """
    Anthropic's provider, with the rules of the catalog.
    """
    context = PluginContext(
        instance="anthropic",
        rules=lambda model: Catalog().rules("anthropic", "anthropic", model),
        log=lambda _event, **_fields: None,
        clock=FakeClock(),
        cache_folder=tmp_path,
    )
    return Anthropic(AnthropicSettings(), context)


@pytest.fixture
def openai(tmp_path):
    """
    Make OpenAI's provider, with the rules of the catalog.
    """

    def make(**settings):
        context = PluginContext(
            instance="openai",
            rules=lambda model: Catalog().rules("openai", "openai", model),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
        )
        return OpenAI(OpenAISettings(**settings), context)

    return make


@pytest.fixture(scope="session")
def openai_schemas(shared_folder):
    """
    OpenAI's own description of its API, relaxed to what its clients really send.
    """
    return recorded.tool("openapi_check").Schemas.load(shared_folder / "specs" / "openai" / "openapi.yaml")
