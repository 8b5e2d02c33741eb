from __future__ import annotations

from decimal import Decimal

import pytest

from budwood_testing import chat_reply

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
COST = Decimal("0.0035")


@pytest.mark.parametrize("family", ["gpt-4o", {"chat": "gpt-4o"}])
def test_deployment_costs_what_its_family_costs(asking, scripted, family):
    """
    Whatever it is called, and before it has answered.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"model": ""})

    with asking(api_key="k", model_family=family) as client:
        assert client.model("azure/chat").price.input == Decimal("2.5")
        assert client.ask("Hello").cost == COST


def test_deployment_is_known_by_its_reply(asking, scripted):
    """
    Where no family is given, the model that the reply names is charged.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"model": "gpt-4o-2024-08-06"})

    with asking() as client:
        assert client.model("azure/chat").price is None
        assert client.ask("Hello").cost == COST


def test_ends_at_the_maker_are_none_of_azures(asking):
    """
    Azure shuts models down on days of its own.
    """
    with asking(api_key="k", model_family="gpt-4o") as client:
        assert client.model("azure/chat").facts.shutdown is None
