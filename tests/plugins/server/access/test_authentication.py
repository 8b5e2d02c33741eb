"""Where the key of a request is looked for."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.access.authentication import authenticate
from budwood_server.web.problems import ProblemError
from tests.plugins.server.keys import KEY

TOKEN = "bw_live_a_b"


class OneKey:
    """
    Knows one key.
    """

    async def find_key(self, token):
        """
        Return the key of its token.
        """
        return KEY if token == TOKEN else None


def find(headers):
    """
    Return the key of a request.
    """
    return asyncio.run(authenticate(OneKey(), headers.get, "infer"))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN} "},
        {"x-api-key": TOKEN},
        {"api-key": TOKEN},
        {"authorization": f"Bearer {TOKEN}", "x-api-key": "other"},
        {"authorization": "Bearer other", "x-api-key": TOKEN},
        {"authorization": "Basic dTpw", "x-api-key": TOKEN},
        {"authorization": "Basic dTpw", "api-key": TOKEN},
    ],
)
def test_keys_are_found(headers):
    """
    The headers of OpenAI, Anthropic and Azure are read, also beside a token that is not for this server.
    """
    assert find(headers) is KEY


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer other"},
        {"authorization": "Bearer other", "x-api-key": "another"},
    ],
)
def test_without_a_valid_key(headers):
    """
    The request is refused.
    """
    with pytest.raises(ProblemError) as error:
        find(headers)

    assert error.value.problem.status == 401
