"""xAI's provider, which does no I/O."""

from __future__ import annotations

import pytest

from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood_testing import FakeClock
from budwood_xai import XAI, XAISettings


@pytest.fixture
def provider(tmp_path):
    """
    The provider with the catalog's rules.
    """
    context = PluginContext(
        instance="xai",
        rules=lambda model: Catalog().rules("xai", "xai", model),
        log=lambda _event, **_fields: None,
        clock=FakeClock(),
        cache_folder=tmp_path,
        data_folder=tmp_path,
    )
    return XAI(XAISettings(), context)
