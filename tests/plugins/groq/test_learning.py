"""What Groq's refusals teach."""

from __future__ import annotations

import pytest

from budwood_testing import chat_reply


@pytest.mark.parametrize(
    "message",
    ["property 'seed' is unsupported, did you mean 'stop'?", "`seed` is not supported with this model"],
)
def test_a_refused_parameter_is_left_out(asking, scripted, message):
    """
    Groq names the parameter in its text alone; it is left out, and known from then on.
    """
    scripted.reply(400, {"error": {"message": message, "type": "invalid_request_error"}})
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))
    with asking() as client:
        replies = [client.ask("Hello", seed=3, top_p=0.5) for _ in range(2)]

    assert [len(reply.attempts) for reply in replies] == [2, 1]
    assert [receipt.parameter for receipt in replies[1].adaptations] == ["seed"]
    assert "seed" not in scripted.sent()
    assert scripted.sent()["top_p"] == 0.5
