"""Azure's provider, and clients that use it over the scripted transport."""

from __future__ import annotations

import pytest

from budwood import AsyncClient, Client
from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood_azure import Azure, AzureSettings
from budwood_testing import FakeClock

ENDPOINT = "https://res.openai.azure.com"
SECRET = "azure-very-secret"


@pytest.fixture
def azure(tmp_path):
    """
    Return a function that creates Azure's provider with the catalog's rules.
    """

    def make(kind=Azure, **settings):
        context = PluginContext(
            instance="azure",
            rules=lambda model, family=None: Catalog().rules("azure", "azure", family or model, fallbacks=("openai",)),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        settings = {"base_url": ENDPOINT, **settings}
        return kind(AzureSettings(**settings), context)

    return make


@pytest.fixture
def make_client(scripted, clock):
    """
    Return a function that creates a client of the deployment ``chat``; without settings it has a key.
    """

    def make(model="azure/chat", *, asynchronous=False, options=None, **settings):
        settings = {"base_url": ENDPOINT, **(settings or {"api_key": SECRET})}
        return (AsyncClient if asynchronous else Client)(
            model,
            settings={"providers": {"azure": settings}},
            transport=scripted.asynchronous if asynchronous else scripted,
            clock=clock,
            cache=False,
            **(options or {}),
        )

    return make
