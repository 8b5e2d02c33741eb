"""Provider objects for recorded traffic."""

from __future__ import annotations

import pytest

from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood.testing import FakeClock
from budwood_openai import OpenAI, OpenAISettings
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings


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
