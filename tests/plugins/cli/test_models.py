from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.one_python


def test_models_are_listed_by_address(budwood, vendor):
    """
    Each line is PROVIDER/MODEL. The default provider is that of the model in the settings.
    """
    assert budwood("models", "list").stdout == "local/tiny\nlocal/large\n"
    assert budwood("models", "list", "offline").stdout.startswith("offline/extractive\noffline/image\n")


def test_models_as_json(budwood, vendor):
    """
    With --json, the output is one list of objects.
    """
    models = json.loads(budwood("models", "list", "local", "--json").stdout)

    assert [(model["provider"], model["id"]) for model in models] == [("local", "tiny"), ("local", "large")]


def test_models_with_windows_and_prices(budwood, vendor, monkeypatch):
    """
    With --long, there are context windows and prices, also those from the settings. Unknown values are a dash.
    """
    monkeypatch.setenv(
        "BUDWOOD_MODELS", '{"local/tiny": {"context_window": 4096, "prices": {"input": 0, "output": 1}}}'
    )

    assert budwood("models", "list", "--long").stdout.splitlines() == [
        "model        context  input $/M  cached $/M  output $/M",
        "local/tiny     4,096          0           -           1",
        "local/large        -          -           -           -",
    ]


def test_a_model_is_shown(budwood):
    """
    Limits, capabilities, rules, prices, shutdown date and sources are listed.
    """
    shown = budwood("models", "show", "anthropic/claude-sonnet-4-5").stdout

    assert "context window  200,000 tokens\n" in shown
    assert "prices          input $3, cached input $0.3, " in shown
    assert "over 200,000 tokens of input: input $6" in shown
    assert "output $15 per million tokens" in shown
    assert "shutdown date   2026-11-30\n" in shown
    assert "source          genai-prices " in shown


def test_a_model_that_the_catalog_does_not_know_is_marked(budwood):
    """
    Its capabilities are those of similar names, or of the provider.
    """
    similar = "The catalog does not know this model. The capabilities are those of models with similar names."

    assert similar in budwood("models", "show", "openai/gpt-99").stdout
    assert "The capabilities are those of openai." in budwood("models", "show", "openai/new").stdout
    assert "does not know" not in budwood("models", "show", "openai/whisper-1").stdout
    assert "does not know" not in budwood("models", "show", "offline/extractive").stdout


def test_a_model_as_json(budwood):
    """
    With --json, the output is one object, and prices are text.
    """
    shown = json.loads(budwood("models", "show", "openai/gpt-5", "--json").stdout)

    assert (shown["provider"], shown["model"], shown["price"]["input"]) == ("openai", "gpt-5", "1.25")
    assert "temperature" in shown["rules"]["refuses"]
    assert (shown["facts"]["shutdown"], shown["facts"]["successor"]) == ("2026-12-11", "gpt-6.1-sol")


def test_an_unknown_price_is_explained(budwood, vendor):
    """
    The reason is shown instead of prices.
    """
    assert "prices          no price known, because it runs on this machine\n" in budwood("models", "show").stdout


def test_a_missing_provider_is_explained(budwood):
    """
    No request is sent.
    """
    run = budwood("models", "list")

    assert run.returncode == 3
    assert "hint: Name a provider: `budwood models list PROVIDER`" in run.stderr
