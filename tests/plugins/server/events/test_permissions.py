"""What somebody learns who may not see events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from budwood_server.access.keys import INFER, TELEMETRY, WEBHOOKS, ApiKey
from budwood_server.api_models.accounts import Account
from budwood_server.events.permissions import check_patterns, check_texts
from budwood_server.people.principals import from_account, from_key
from budwood_server.web.problems import ProblemError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_key(*scopes, team=None):
    """
    Return the principal of a key.
    """
    return from_key(ApiKey(id="k", name="k", created=NOW, scopes=set(scopes), team=team))


def read_error(check, *arguments):
    """
    Return the message and the hint with which a check fails.
    """
    with pytest.raises(ProblemError) as caught:
        check(*arguments)
    problem = caught.value.problem
    assert (problem.status, problem.code) == (403, "missing_scope")
    return problem.message, problem.hint


def test_scopes_that_keys_can_have_are_named():
    """
    And the pattern that needs them.
    """
    check_patterns(["inference.*", "run.finished"], make_key(TELEMETRY, INFER))

    message, hint = read_error(check_patterns, ["inference.*", "key.*"], make_key(TELEMETRY))

    assert message == "Events key.* need the scope admin, which this key does not have."
    assert hint.endswith("`budwood server keys create NAME --scope telemetry --scope admin`.")
    assert "need the scope prompts or admin," in read_error(check_patterns, ["prompt.updated"], make_key(INFER))[0]


def test_the_new_key_may_do_what_the_present_one_may():
    """
    It has the same scopes besides, and the same team, whose events it gets; but not two that exclude each other.
    """
    key = make_key(TELEMETRY, WEBHOOKS, team="red team")

    message, hint = read_error(check_texts, key)

    assert message == "The texts of prompts and replies need the scope texts, which this key does not have."
    assert hint == (
        "Create a key with the scope texts besides telemetry, webhooks: `budwood server keys create NAME "
        "--team 'red team' --scope telemetry --scope webhooks --scope texts`."
    )
    assert read_error(check_patterns, ["token.added"], make_key(INFER))[1] == (
        "Create a key with the scope admin: `budwood server keys create NAME --scope admin`."
    )


def test_roles_are_named_to_accounts():
    """
    They have no scopes of their own.
    """
    ada = from_account(Account(id="a", name="ada", role="viewer", created=NOW), "login")

    assert read_error(check_patterns, ["token.*"], ada) == (
        "Events token.* need the role admin, which this account does not have.",
        "Ask an administrator for the role.",
    )
    assert "need the role admin" in read_error(check_texts, ada)[0]
