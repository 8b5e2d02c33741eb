"""The provider object, which does no I/O, with the settings and model rules of the test."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.contracts import PluginContext
from budwood.types import ModelRules
from budwood_anthropic import Anthropic, AnthropicSettings
from budwood_testing import FakeClock

KNOWN = ModelRules(source="the test")


@pytest.fixture
def make_provider(tmp_path):
    """
    Create a provider with the same rules for all models.
    """

    def make(rules=KNOWN, **settings):
        context = PluginContext(
            instance="anthropic",
            rules=lambda _model: rules,
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        return Anthropic(AnthropicSettings(**settings), context)

    return make


@pytest.fixture
def claude(scripted, clock):
    """
    A blocking client of a Claude model over the scripted transport.
    """
    with Client(
        "anthropic/claude-opus-4-8", api_key="sk-ant-secret", transport=scripted, clock=clock, cache=False
    ) as client:
        yield client
