"""Rules that are learned when Groq rejects a parameter."""

from __future__ import annotations

import pytest

from budwood_testing import chat_reply


@pytest.mark.parametrize(
    "message",
    ["property 'seed' is unsupported, did you mean 'stop'?", "`seed` is not supported with this model"],
)
def test_rejected_parameter_is_dropped(make_client, scripted, message):
    """
    Groq names a rejected parameter only in its message; it is not sent again.
    """
    scripted.reply(400, {"error": {"message": message, "type": "invalid_request_error"}})
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))
    with make_client() as client:
        replies = [client.ask("Hello", seed=3, top_p=0.5) for _ in range(2)]

    assert [len(reply.attempts) for reply in replies] == [2, 1]
    assert [adaptation.parameter for adaptation in replies[1].adaptations] == ["seed"]
    assert "seed" not in scripted.sent()
    assert scripted.sent()["top_p"] == 0.5
