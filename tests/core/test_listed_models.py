"""The names of models that are listed without asking a provider: `budwood.plugins.list_known_models`."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from budwood import Settings
from budwood.catalog import vendors
from budwood.catalog.vendors import list_names, load_shutdowns
from budwood.plugins import list_known_models

VENDORS = ("anthropic", "azure", "deepseek", "gemini", "groq", "mistral", "moonshotai", "openai", "openrouter", "xai")


@pytest.mark.parametrize("vendor", VENDORS)
def test_only_names_are_listed_and_no_patterns(vendor):
    """A pattern has facts of models, but cannot be called."""
    assert [name for name in list_known_models(Settings(), vendor) if set(name) & set("*?[]")] == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_models_that_were_shut_down_are_not_listed(vendor):
    """Their last day is in the catalog."""
    today = datetime.now(UTC).date()
    rows = load_shutdowns().get(vendor, {})
    gone = {name for name, row in rows.items() if date.fromisoformat(row["shutdown"]) <= today}
    assert gone.isdisjoint(list_known_models(Settings(), vendor))


@pytest.mark.parametrize("name", ["ada", "davinci-002", "gpt-35-turbo-16k", "gpt-4o:extended", "gpt-5-4-mini"])
def test_openai_lists_no_retired_models_and_no_names_of_other_vendors(name):
    """Their prices are still known: other vendors sell them by these names."""
    assert name not in list_known_models(Settings(), "openai")
    assert vendors.find_facts("openai", name) is not None


def test_models_of_today_are_listed():
    """Dots, dates and slashes are parts of names."""
    assert {"gpt-5.4-mini", "gpt-6-luna"} <= set(list_names("openai", date(2026, 11, 28)))
    assert "openai/gpt-oss-120b" in list_names("groq", date(2026, 11, 28))
