from __future__ import annotations

from decimal import Decimal

import pytest

from budwood_testing import chat_reply

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
COST = Decimal("0.0035")


@pytest.mark.parametrize("family", ["gpt-4o", {"chat": "gpt-4o"}])
def test_deployment_costs_what_its_family_costs(make_client, scripted, family):
    """
    A deployment has the prices of its model family, also before its first reply.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"model": ""})

    with make_client(api_key="k", model_family=family) as client:
        assert client.model("azure/chat").price.input == Decimal("2.5")
        assert client.ask("Hello").cost == COST


def test_model_of_the_reply_determines_the_price(make_client, scripted):
    """
    Without a model family, the model of the reply determines the price.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"model": "gpt-4o-2024-08-06"})

    with make_client() as client:
        assert client.model("azure/chat").price is None
        assert client.ask("Hello").cost == COST


def test_shutdown_dates_of_openai_do_not_apply(make_client):
    """
    OpenAI's shutdown dates do not apply to Azure.
    """
    with make_client(api_key="k", model_family="gpt-4o") as client:
        assert client.model("azure/chat").facts.shutdown is None
