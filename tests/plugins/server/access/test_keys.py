"""What API keys permit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from budwood_server.access.keys import ApiKey, KeyBudget, KeyPolicy

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def new_key(**fields):
    """
    Return a key.
    """
    return ApiKey(**{"id": "k1", "name": "test", "created": NOW} | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scopes": {"admin", "infer"}}, "exclude each other"),
        ({"scopes": {"everything"}}, "is no scope; the scopes are infer, prompts, telemetry, webhooks, texts, admin"),
        ({"scopes": set()}, "at least 1 item"),
        ({"name": ""}, "at least 1 character"),
        ({"name": "a\nb"}, "control characters"),
        ({"team": "\0"}, "control characters"),
        ({"expires": datetime(2026, 1, 1)}, "timezone"),  # noqa: DTZ001 - without a zone it would depend on the machine
        ({"requests_per_minute": 0}, "greater than or equal to 1"),
        ({"request_options": {"cache", "model"}}, "'model' is no such option"),
        ({"budget": {"per": "day"}}, "neither dollars nor tokens"),
        ({"budget": {"dollars": 1, "tokens": 1}}, "both dollars and tokens"),
        ({"budget": {"dollars": 1, "per": "year"}}, "'day', 'week' or 'month'"),
        ({"budget": {"dollars": 1, "timezone": "Mars/Base"}}, "is no time zone"),
        ({"budget": {"dollars": 1, "timezone": "../etc/passwd"}}, "is no time zone"),
    ],
)
def test_invalid_policies_are_refused(fields, message):
    """
    Each error says what is wrong.
    """
    with pytest.raises(ValidationError, match=message):
        KeyPolicy(**{"name": "test"} | fields)


@pytest.mark.parametrize(
    ("patterns", "name", "allowed"),
    [
        ((), "anything", True),
        (("fast",), "fast", True),
        (("fast",), "faster", False),
        (("fast", "openai/*"), "openai/gpt-4o", True),
        (("openai/*",), "azure/openai/gpt-4o", False),
        (("gpt-4?",), "gpt-4o", True),
        (("GPT-*",), "gpt-4o", False),
        (("*",), "a\nb", True),
        (("gpt.4o",), "gpt-4o", False),
    ],
)
def test_patterns_of_models(patterns, name, allowed):
    """
    They are compared with the whole name, in its case.
    """
    assert new_key(models=patterns).allows_model(name) is allowed


def test_a_team_owns_what_its_keys_create():
    """
    A key without a team owns it alone; no team can have the name of such a key.
    """
    assert new_key().owner == "key-k1"
    assert new_key(team="search").owner == new_key(id="k2", team="search").owner == "team-search"
    assert new_key(id="k2", team="k1").owner != new_key().owner


def test_the_status_depends_on_the_moment():
    """
    A key ends at its expiry, and a revoked one is not called expired.
    """
    key = new_key(expires=NOW)

    assert key.find_status(NOW - timedelta(seconds=1)) == "active"
    assert key.find_status(NOW) == "expired"
    assert new_key(expires=NOW, revoked=NOW).find_status(NOW) == "revoked"
    assert new_key().find_status(NOW) == "active"


def test_a_budget_is_for_a_month_unless_said_otherwise():
    """
    Months begin in UTC.
    """
    assert KeyBudget(dollars=5) == KeyBudget(dollars="5", per="month", timezone="UTC")
