"""Rules that are learned from Ollama's errors."""

from __future__ import annotations

import pytest

from budwood.errors import UnsupportedParameterError


def test_a_model_without_thinking_is_learned(make_client, scripted, answer):
    """
    After the first error the effort is dropped, with an adaptation.
    """
    scripted.reply(400, {"error": '"gemma:2b" does not support thinking'})
    scripted.reply(body=answer("Hi")).reply(body=answer("Hi"))
    with make_client("ollama/gemma:2b") as client:
        replies = [client.ask("Hello", reasoning_effort="low") for _ in range(2)]

    assert [len(reply.attempts) for reply in replies] == [2, 1]
    assert [(adaptation.parameter, adaptation.action) for adaptation in replies[1].adaptations] == [
        ("reasoning_effort", "dropped")
    ]
    assert ["think" in scripted.sent(number) for number in range(3)] == [True, False, False]


@pytest.mark.parametrize("payload", ['"gemma:2b" does not support tools', 'think value "high" is not supported'])
def test_required_parameters_are_not_dropped(make_client, scripted, payload):
    """
    Tools are not dropped, and a rejected level has no known replacement.
    """

    def act() -> str:
        """Do it."""
        return "done"

    scripted.reply(400, {"error": payload})

    with make_client("ollama/gemma:2b") as client, pytest.raises(UnsupportedParameterError):
        client.ask("Hello", tools=[act], reasoning_effort="high")
    assert len(scripted.calls) == 1
