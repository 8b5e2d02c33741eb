"""Errors of calls as problems."""

from __future__ import annotations

import inspect

import pytest

from budwood import errors
from budwood.errors import (
    AuthenticationError,
    BudgetExceededError,
    BudwoodError,
    CacheMissError,
    InvalidRequestError,
    PromptError,
    RateLimitError,
    RequestTimeoutError,
    StreamInterruptedError,
    UnsupportedError,
)
from budwood_server.database import DatabaseError
from budwood_server.gateway.errors import INTERNAL, NO_DATABASE, describe

PROVIDER_ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ProviderError) and len(inspect.signature(kind).parameters) > 1
]


def test_unexpected_errors_tell_nothing():
    """
    An error that is a fault of the server is a 500 without its text, which may contain anything.
    """
    assert describe(ValueError("secret")) is INTERNAL


def test_a_database_that_fails_is_described_without_its_address():
    """
    The client can retry; the address is in the log.
    """
    assert describe(DatabaseError("Cannot use the database postgresql://10.0.0.7/gateway.")) is NO_DATABASE
    assert NO_DATABASE.status == 503


def test_vendors_credential_is_no_fault_of_the_client():
    """
    If the vendor rejects the server's credential, the client gets 502, not 401, and no hint about settings.
    """
    problem = describe(AuthenticationError("bad key", hint="Set OPENAI_API_KEY.", provider="openai", status=401))

    assert problem.status == 502
    assert "OPENAI_API_KEY" not in problem.hint


def test_codes_of_vendors_reach_programs():
    """
    The vendor's code and parameter of an invalid request are passed on.
    """
    problem = describe(InvalidRequestError("bad", status=400, code="string_above_max_length", param="messages[0]"))

    assert (problem.status, problem.code, problem.param) == (400, "string_above_max_length", "messages[0]")


def test_retry_after_is_rounded_up():
    """
    Clients never come back too early.
    """
    assert describe(RateLimitError("slow down", retry_after=1.2)).headers == {"retry-after": "2"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BudgetExceededError("no", budget="b", left=0, required=1, unit="dollars"), 429, "budget_exceeded"),
        (UnsupportedError("no"), 400, "unsupported"),
        (BudwoodError("no"), 500, "error"),
    ],
)
def test_each_class_has_a_status(error, status, code):
    """
    Errors of the core have a status and a code.
    """
    problem = describe(error)

    assert (problem.status, problem.code) == (status, code)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (StreamInterruptedError("cut"), "Retry."),
        (RequestTimeoutError("late", phase="deadline", hint="Raise timeout=…."), "x-budwood-timeout"),
        (UnsupportedError("no", hint="Call client.ask(…)."), "Use a model that supports it."),
        (PromptError("no", hint="Pass name=…."), None),
        (CacheMissError("no", hint='Pass cache="refresh" once.'), "Set cache to 'refresh'"),
        (UnsupportedError("no", hint="Use another model."), "another model"),
    ],
)
def test_hints_are_for_clients(error, hint):
    """
    Hints for programs in Python are replaced, or left out.
    """
    found = describe(error).hint

    assert found is None if hint is None else hint in found


@pytest.mark.parametrize("kind", PROVIDER_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_a_provider_is_described(kind):
    """
    No error of a provider is an internal error.
    """
    arguments = {"phase": "read"} if "phase" in inspect.signature(kind).parameters else {}

    assert describe(kind("message", **arguments)).status >= 400
