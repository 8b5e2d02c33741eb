"""
A deployment that wants ``max_completion_tokens`` and refuses ``temperature``: as a row, and learned.

No page of the vendor says so of GPT-4.1 mini; users report it of some deployments. So there is no row for all of them.
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


def refusal(message, param, code=None):
    """
    Make the body of a refusal; some deployments send no code.
    """
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def told(reply):
    """
    Return what was done to each parameter.
    """
    return {receipt.parameter: receipt.action for receipt in reply.adaptations}


def test_a_row_tells_it_of_a_deployment(scripted, clock):
    """
    A row of the settings for the deployment is all that it takes: the first request is right.
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
    assert told(reply) == ADAPTED
    assert (told(other), scripted.sent()["temperature"]) == ({}, 0.2)


@pytest.mark.parametrize("code", [None, "unsupported_parameter"])
@pytest.mark.parametrize("family", [None, "gpt-4.1-mini", {"my-mini": "gpt-4.1-mini"}])
def test_without_a_row_it_is_learned_by_deployment(asking, scripted, code, family):
    """
    Two refusals teach it, with and without their code, whatever the family; another deployment of it is not concerned.
    """
    scripted.reply(400, refusal(NEWER, "max_tokens", code)).reply(400, refusal(DEFAULT, "temperature", code))
    for _ in range(3):
        scripted.reply(body=chat_reply("Hi"))
    with asking("azure/my-mini", api_key="azure-very-secret", model_family=family) as client:
        replies = [client.ask("Hello", **ASKED) for _ in range(2)]
        other = client.ask("Hello", model="azure/my-other", **ASKED)

    assert [len(reply.attempts) for reply in replies] == [3, 1]
    assert [told(reply) for reply in replies] == [ADAPTED, ADAPTED]
    assert scripted.sent(3)["max_completion_tokens"] == 50
    assert (told(other), scripted.sent()["max_tokens"]) == ({}, 50)


def test_it_is_learned_from_a_stream_too(asking, scripted):
    """
    An async stream of such a deployment begins as if nothing had been refused.
    """
    scripted.reply(400, refusal(NEWER, "max_tokens")).reply(400, refusal(DEFAULT, "temperature"))
    scripted.reply(chunks=sse(*chat_chunks(["Hi"])))

    async def talk():
        async with asking("azure/my-mini", asynchronous=True) as client, client.stream("Hello", **ASKED) as stream:
            assert [text async for text in stream.text_deltas()] == ["Hi"]
        return stream.response

    assert told(asyncio.run(talk())) == ADAPTED


def test_who_wants_an_error_gets_it(asking, scripted):
    """
    With `on_unsupported="error"` the first refusal is raised, and names the parameter as ours.
    """
    scripted.reply(400, refusal(NEWER, "max_tokens", "unsupported_parameter"))
    with asking("azure/my-mini") as client, pytest.raises(UnsupportedParameterError, match="max_completion") as caught:
        client.ask("Hello", on_unsupported="error", **ASKED)

    assert caught.value.param == "max_tokens"
    assert caught.value.rule.renames == {"max_tokens": "max_completion_tokens"}
