"""Groq's provider, and clients that use it over the scripted transport."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood_groq import Groq, GroqSettings
from budwood_testing import FakeClock

SECRET = "gsk_very_secret"


@pytest.fixture
def groq(tmp_path):
    """
    Return a function that creates Groq's provider with the catalog's rules.
    """

    def make(**settings):
        context = PluginContext(
            instance="groq",
            rules=lambda model: Catalog().rules("groq", "groq", model),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        return Groq(GroqSettings(**settings), context)

    return make


@pytest.fixture
def make_client(scripted, clock):
    """
    Return a function that creates a client of a model of Groq.
    """

    def make(model="openai/gpt-oss-20b", settings=None, **options):
        return Client(
            f"groq/{model}",
            settings={"providers": {"groq": settings or {}}},
            api_key=SECRET,
            transport=scripted,
            clock=clock,
            cache=False,
            **options,
        )

    return make
