"""Options of Budwood in the headers and the body of a request."""

from __future__ import annotations

import pytest

from budwood_server.gateway.request_options import read_request_options
from budwood_server.settings import REQUEST_OPTIONS
from budwood_server.web.problems import ProblemError

ALL = frozenset(REQUEST_OPTIONS)


def problem_of(headers=(), body=None, allowed=ALL):
    """Return the problem of options that are not valid."""
    with pytest.raises(ProblemError) as error:
        read_request_options(headers, body, allowed)
    return error.value.problem


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ([("cache", "off")], None, {"cache": False}),
        ([("cache", "refresh"), ("cache-namespace", "a")], None, {"cache": "refresh", "cache_namespace": "a"}),
        ([("fallbacks", "a, b/c")], None, {"fallbacks": ["a", "b/c"]}),
        ([("timeout", "2.5")], None, {"timeout": 2.5}),
        ([("on-unsupported", "error")], None, {"on_unsupported": "error"}),
        ([("provider", "openai"), ("client", "budwood-sdk/0.1.0")], None, {"client": "budwood-sdk/0.1.0"}),
        ([], {"cache": {"mode": "refresh", "namespace": "a"}}, {"cache": "refresh", "cache_namespace": "a"}),
        ([], {"label": "nightly", "routing": "cheapest"}, {"label": "nightly", "routing": "cheapest"}),
        ([("label", "header")], {"label": "body"}, {"label": "body"}),
    ],
)
def test_options_are_read_from_headers_and_body(headers, body, expected):
    """
    Headers and the field ``budwood`` set the same options; the field takes precedence.
    """
    assert read_request_options(headers, body, ALL) == expected


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("timeout", "soon")], None),
        ([("timeout", "0")], None),
        ([("cache", "maybe")], None),
        ([("retries", "3")], None),
        ([], {"fallbacks": "a"}),
        ([], {"on_unsupported": "ignore"}),
        ([], {"routing": "random"}),
        ([], {"label": ""}),
        ([], {"unknown": 1}),
        ([], ["label"]),
    ],
)
def test_invalid_options_are_named(headers, body):
    """
    An unknown option or an invalid value is a 400 that names it.
    """
    problem = problem_of(headers, body)

    assert problem.status == 400
    assert problem.param.startswith(("x-budwood-", "budwood"))


@pytest.mark.parametrize(("name", "policy"), [("cache", "label"), ("cache_namespace", "label"), ("label", "cache")])
def test_policy_forbids_options(name, policy):
    """
    An option that the policy of a key does not have is a 403. That of the cache includes its namespace.
    """
    problem = problem_of([], {name: "off"}, frozenset({policy}))

    assert (problem.status, problem.code) == (403, "option_not_allowed")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sdk",
        "sdk/",
        "/1",
        "a b/1",
        "sdk/1 (Linux)",
        "sdk/1\n",
        "é/1",
        "a/b/1",
        "=sdk/1",
        "a" * 49 + "/1",
        "a/" + "1" * 33,
    ],
)
def test_names_of_clients_are_bounded(value):
    """
    What is no ``NAME/VERSION`` of limited length is no error, and is not recorded.
    """
    assert read_request_options([("client", value)], None, frozenset()) == {}
