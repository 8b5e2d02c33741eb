"""
Rules for a deployment that requires ``max_completion_tokens`` and rejects ``temperature``, configured or learned.

Users report this of some deployments of GPT-4.1 mini. Microsoft does not document it, so the catalog has no rule.
"""

from __future__ import annotations

import asyncio

import pytest

from budwood import Client
from budwood.errors import UnsupportedParameterError
from budwood_testing import chat_chunks, chat_reply, sse

NEWER = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
DEFAULT = (
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported."
)
ASKED = {"max_tokens": 50, "temperature": 0.2}
ADAPTED = {"max_tokens": "renamed", "temperature": "dropped"}


def make_rejection(message, param, code=None):
    """
    Return the body of an error that rejects a parameter; some deployments send no code.
    """
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def list_adaptations(reply):
    """
    Return the action for each adapted parameter.
    """
    return {adaptation.parameter: adaptation.action for adaptation in reply.adaptations}


def test_rules_of_the_settings(scripted, clock):
    """
    With rules in the settings, the first request to the deployment is correct.
    """
    settings = {
        "providers": {"azure": {"base_url": "https://res.openai.azure.com", "api_key": "azure-very-secret"}},
        "models": {
            "azure/my-mini": {"renames": {"max_tokens": "max_completion_tokens"}, "refuses": ["temperature"]},
        },
    }
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))
    with Client("azure/my-mini", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        reply = client.ask("Hello", **ASKED)
        other = client.ask("Hello", model="azure/gpt-4.1-mini", **ASKED)

    assert scripted.sent(0)["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature"} & set(scripted.sent(0))
    assert list_adaptations(reply) == ADAPTED
    assert (list_adaptations(other), scripted.sent()["temperature"]) == ({}, 0.2)


@pytest.mark.parametrize("code", [None, "unsupported_parameter"])
@pytest.mark.parametrize("family", [None, "gpt-4.1-mini", {"my-mini": "gpt-4.1-mini"}])
def test_rules_are_learned_for_each_deployment(make_client, scripted, code, family):
    """
    Two errors teach the rules, with and without their code; another deployment of the family is not affected.
    """
    scripted.reply(400, make_rejection(NEWER, "max_tokens", code)).reply(
        400, make_rejection(DEFAULT, "temperature", code)
    )
    for _ in range(3):
        scripted.reply(body=chat_reply("Hi"))
    with make_client("azure/my-mini", api_key="azure-very-secret", model_family=family) as client:
        replies = [client.ask("Hello", **ASKED) for _ in range(2)]
        other = client.ask("Hello", model="azure/my-other", **ASKED)

    assert [len(reply.attempts) for reply in replies] == [3, 1]
    assert [list_adaptations(reply) for reply in replies] == [ADAPTED, ADAPTED]
    assert scripted.sent(3)["max_completion_tokens"] == 50
    assert (list_adaptations(other), scripted.sent()["max_tokens"]) == ({}, 50)


def test_rules_are_learned_from_a_stream(make_client, scripted):
    """
    An async stream of such a deployment starts after the rules are learned.
    """
    scripted.reply(400, make_rejection(NEWER, "max_tokens")).reply(400, make_rejection(DEFAULT, "temperature"))
    scripted.reply(chunks=sse(*chat_chunks(["Hi"])))

    async def stream_reply():
        async with make_client("azure/my-mini", asynchronous=True) as client, client.stream("Hello", **ASKED) as stream:
            assert [text async for text in stream.text_deltas()] == ["Hi"]
        return stream.response

    assert list_adaptations(asyncio.run(stream_reply())) == ADAPTED


def test_rejection_with_on_unsupported_error(make_client, scripted):
    """
    With `on_unsupported="error"` the first rejection is raised, with the name of the parameter in `ChatRequest`.
    """
    scripted.reply(400, make_rejection(NEWER, "max_tokens", "unsupported_parameter"))
    with (
        make_client("azure/my-mini") as client,
        pytest.raises(UnsupportedParameterError, match="max_completion") as caught,
    ):
        client.ask("Hello", on_unsupported="error", **ASKED)

    assert caught.value.param == "max_tokens"
    assert caught.value.rule.renames == {"max_tokens": "max_completion_tokens"}
