"""What Ollama's refusals teach."""

from __future__ import annotations

import pytest

from budwood.errors import UnsupportedParameterError


def test_a_model_that_does_not_think_is_not_asked_to(make_client, scripted, answer):
    """
    The first refusal is enough: effort is left out, and told of.
    """
    scripted.reply(400, {"error": '"gemma:2b" does not support thinking'})
    scripted.reply(body=answer("Hi")).reply(body=answer("Hi"))
    with make_client("ollama/gemma:2b") as client:
        replies = [client.ask("Hello", reasoning_effort="low") for _ in range(2)]

    assert [len(reply.attempts) for reply in replies] == [2, 1]
    assert [(receipt.parameter, receipt.action) for receipt in replies[1].adaptations] == [
        ("reasoning_effort", "dropped")
    ]
    assert ["think" in scripted.sent(number) for number in range(3)] == [True, False, False]


@pytest.mark.parametrize("said", ['"gemma:2b" does not support tools', 'think value "high" is not supported'])
def test_what_cannot_be_spared_is_the_callers_error(make_client, scripted, said):
    """
    Tools are not left out, and of one level that is refused no other can be told.
    """

    def act() -> str:
        """Do it."""
        return "done"

    scripted.reply(400, {"error": said})

    with make_client("ollama/gemma:2b") as client, pytest.raises(UnsupportedParameterError):
        client.ask("Hello", tools=[act], reasoning_effort="high")
    assert len(scripted.calls) == 1
