"""The provider with settings and model rules of the test. It does no I/O."""

from __future__ import annotations

import pytest

from budwood.contracts import PluginContext
from budwood.types import ModelRules
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_testing import FakeClock


@pytest.fixture
def new_provider(tmp_path):
    """
    Return a function that creates a provider for a local server.
    """

    def make(rules=None, **settings):
        context = PluginContext(
            instance="my-server",
            rules=lambda _model: rules or ModelRules(),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        settings = {"base_url": "http://localhost:8000/v1", **settings}
        return OpenAICompatible(OpenAICompatibleSettings(**settings), context)

    return make
