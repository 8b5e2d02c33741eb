"""A compatible vendor requires only data: a section of the settings, or a preset of the catalog."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.catalog import load_presets
from budwood.errors import CredentialError
from budwood_testing import chat_chunks, chat_reply, sse

SECRET = "the-very-secret"


def ask_both_ways(client, scripted):
    """
    Ask at once and streamed, and return the replies.
    """
    scripted.reply(200, chat_reply("Hello")).reply(200, chunks=sse(*chat_chunks(["Hello"])))
    reply = client.ask("Hi", temperature=0.5, max_tokens=5)
    with client.stream("Hi") as stream:
        list(stream)
    return reply, stream.response


def test_section_of_the_settings(scripted, clock):
    """
    Four lines of settings configure a vendor, with its own names of parameters.
    """
    row = {
        "plugin": "openai-compatible",
        "base_url": "https://api.brand-new.example/v1",
        "api_key": SECRET,
        "renames": {"max_tokens": "longest"},
    }
    with Client(
        "brand-new/m", settings={"providers": {"brand-new": row}}, transport=scripted, clock=clock, cache=False
    ) as client:
        replies = ask_both_ways(client, scripted)

    assert [(reply.text, reply.provider) for reply in replies] == [("Hello", "brand-new")] * 2
    assert scripted.calls[0].url == "https://api.brand-new.example/v1/chat/completions"
    assert scripted.calls[0].headers["authorization"] == f"Bearer {SECRET}"
    assert (scripted.sent(0)["longest"], scripted.sent(0)["temperature"]) == (5, 0.5)


@pytest.mark.parametrize("name", sorted(load_presets()))
def test_presets(scripted, clock, monkeypatch, name):
    """
    Each preset sends requests to its address, with the key of its variable.
    """
    preset = load_presets()[name]
    for variable in preset.environment.get("api_key", ())[:1]:
        monkeypatch.setenv(variable, SECRET)
    with Client(f"{name}/m", transport=scripted, clock=clock, cache=False) as client:
        replies = ask_both_ways(client, scripted)

    assert [(reply.text, reply.provider) for reply in replies] == [("Hello", name)] * 2
    assert all(call.url == f"{preset.settings['base_url']}/chat/completions" for call in scripted.calls)
    key = scripted.calls[0].headers.get("authorization")
    assert key == (f"Bearer {SECRET}" if preset.environment.get("api_key") else None)


@pytest.mark.parametrize("name", sorted(name for name, preset in load_presets().items() if preset.needs_credential))
def test_preset_without_its_key(scripted, clock, name):
    """
    Without its key, the error names the variable of the preset, and nothing is sent.
    """
    variable = load_presets()[name].environment["api_key"][0]
    with Client(f"{name}/m", transport=scripted, clock=clock) as client, pytest.raises(CredentialError, match=variable):
        client.ask("Hi")
    assert scripted.calls == []
