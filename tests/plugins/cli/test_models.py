from __future__ import annotations

import json


def test_models_are_listed_as_they_are_asked_for(budwood, vendor):
    """
    Each line is a PROVIDER/MODEL; the provider is by default that of the settings' model.
    """
    assert budwood("models", "list").stdout == "local/tiny\nlocal/large\n"
    assert budwood("models", "list", "offline").stdout == "offline/extractive\n"


def test_models_as_json(budwood, vendor):
    """
    With --json there is one list of objects.
    """
    models = json.loads(budwood("models", "list", "local", "--json").stdout)

    assert [(model["provider"], model["id"]) for model in models] == [("local", "tiny"), ("local", "large")]


def test_without_any_provider_the_hint_says_how_to_name_one(budwood):
    """
    Nothing is asked of a vendor that nobody named.
    """
    run = budwood("models", "list")

    assert run.returncode == 3
    assert "hint: Name a provider: budwood models list PROVIDER" in run.stderr
