"""Options of a call for a provider that is a gateway: `budwood.contracts.CallOptionsProvider`."""

from __future__ import annotations

import pytest

import budwood_openai
from budwood import Client
from budwood_testing import chat_reply


@pytest.fixture
def gateway(scripted, clock, monkeypatch):
    """
    A client whose provider is made a gateway, and a list of what it is given.
    """
    given = []

    class Gateway(budwood_openai.OpenAI):
        def add_options(self, call, options):
            given.append(dict(options))
            return call.with_headers({"x-options": ",".join(sorted(options))})

    monkeypatch.setattr(budwood_openai, "OpenAI", Gateway)
    with Client("openai/gpt-4o", api_key="test", cache=False, transport=scripted, clock=clock) as client:
        yield client, given


def test_a_gateway_gets_the_options_that_are_not_part_of_a_request(gateway, scripted, clock):
    """
    Each attempt has the seconds that are left, and sends the call that the provider returns.
    """
    client, given = gateway
    scripted.reply(500, {"error": {"message": "Down."}}).reply(body=chat_reply("Hi"))

    client.ask("hi", label="nightly", timeout=30, on_unsupported="warn", retries=1)

    first, second = given
    assert first == {"label": "nightly", "timeout": "30.000", "on_unsupported": "warn"}
    assert float(second["timeout"]) == pytest.approx(30 - sum(clock.slept), abs=0.001)
    assert scripted.calls[-1].headers["x-options"] == "label,on_unsupported,timeout"


def test_a_gateway_is_not_asked_without_options(gateway, scripted):
    """
    Defaults are those of the gateway.
    """
    client, given = gateway
    scripted.reply(body=chat_reply("Hi"))

    client.ask("hi")

    assert given == []
    assert "x-options" not in scripted.calls[-1].headers
