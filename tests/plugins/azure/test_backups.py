"""A second region of Azure as a backup."""

import budwood
from budwood_testing import FakeClock, ScriptedTransport, chat_reply

SETTINGS = """
[providers.azure]
endpoint = "https://north.openai.azure.com"
api_key = "key-of-north"
backups = [{ endpoint = "https://south.openai.azure.com" }]
"""


def test_second_region_takes_one_line_of_settings(tmp_path):
    """
    It has the key of the first one, and answers when that has no capacity.
    """
    (tmp_path / "budwood.toml").write_text(SETTINGS)
    transport = ScriptedTransport()
    message = "The system is currently experiencing high demand and cannot process your request."
    transport.reply(429, {"error": {"code": "429", "message": message}}, headers={"retry-after": "60"})
    transport.reply(200, chat_reply("Hello."))
    clock = FakeClock()

    with budwood.Client(
        "azure/gpt-4.1", settings=tmp_path / "budwood.toml", transport=transport, clock=clock
    ) as client:
        reply = client.ask("Hi")

    assert [call.url.split("/openai")[0] for call in transport.calls] == [
        "https://north.openai.azure.com",
        "https://south.openai.azure.com",
    ]
    assert {call.headers["api-key"] for call in transport.calls} == {"key-of-north"}
    assert [(attempt.endpoint, attempt.error) for attempt in reply.attempts] == [
        ("azure", "CapacityError"),
        ("azure#2", None),
    ]
    assert clock.slept == []


def test_backup_can_have_its_own_key_and_form():
    """
    Its table overrides what differs.
    """
    backup = {"endpoint": "https://south.openai.azure.com", "api_key": "key-of-south", "api_version": "2024-10-21"}
    settings = {
        "providers": {"azure": {"endpoint": "https://north.openai.azure.com", "api_key": "north", "backups": [backup]}}
    }
    transport = ScriptedTransport().reply(503, {}).reply(200, chat_reply("Hello."))

    with budwood.Client("azure/gpt-4.1", settings=settings, transport=transport) as client:
        client.ask("Hi")

    assert transport.calls[1].headers["api-key"] == "key-of-south"
    assert "/openai/deployments/gpt-4.1/" in transport.calls[1].url
