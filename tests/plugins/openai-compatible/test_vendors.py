"""A compatible vendor requires only data: a section of the settings, or a preset of the catalog."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.catalog import load_presets
from budwood.errors import CredentialError, PermissionDeniedError, UnsupportedError
from budwood_testing import chat_chunks, chat_reply, sse
from tests.responses import message

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


@pytest.mark.parametrize("variable", ["BEDROCK_BASE_URL", "AWS_BEDROCK_BASE_URL"])
def test_bedrock_in_another_region(scripted, clock, monkeypatch, variable):
    """
    The address has the region, and a variable sets it; Responses have the same address.
    """
    address = "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1"
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", SECRET)
    monkeypatch.setenv(variable, address)
    scripted.reply(200, chat_reply("Hello")).reply(200, {"id": "resp_1", "output": [message("Hi")]})
    settings = {"providers": {"bedrock": {"api": "responses"}}}

    with Client("bedrock/openai.gpt-oss-20b-1:0", transport=scripted, clock=clock, cache=False) as client:
        chat = client.ask("Hi")
    with Client("bedrock/m", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        response = client.ask("Hi")

    assert (chat.text, response.text) == ("Hello", "Hi")
    assert [call.url for call in scripted.calls] == [f"{address}/chat/completions", f"{address}/responses"]
    assert scripted.sent(0)["model"] == "openai.gpt-oss-20b-1:0"


def test_reasoning_of_bedrock(scripted, clock):
    """
    gpt-oss reasons between tags, which a stream repeats in each chunk. It is neither text nor sent back.
    """
    scripted.reply(200, chat_reply('<reasoning>A greeting.</reasoning>{"hello": "you"}'))
    chunks = chat_chunks(["<reasoning>A gr</reasoning>", "<reasoning>eeting.</reasoning>", "Hel", "lo"])
    scripted.reply(200, chunks=sse(*chunks))

    with Client(
        "bedrock/openai.gpt-oss-20b-1:0", api_key=SECRET, transport=scripted, clock=clock, cache=False
    ) as client:
        chat = client.chat()
        reply = chat.ask("Hi", schema=dict[str, str])
        with chat.stream("Again") as stream:
            streamed = "".join(stream.text_deltas())

    assert (reply.parsed, reply.reasoning) == ({"hello": "you"}, "A greeting.")
    assert (streamed, stream.response.text, stream.response.reasoning) == ("Hello", "Hello", "A greeting.")
    assert scripted.sent(1)["messages"][1] == {"role": "assistant", "content": '{"hello": "you"}'}


@pytest.mark.parametrize("text", ["<reasoning>no end", "Hi <reasoning>x</reasoning>", "<reasoning/>Hi"])
def test_other_tags_are_text(scripted, clock, text):
    """
    Only reasoning with both tags, before the text, is separated.
    """
    scripted.reply(200, chat_reply(text))

    with Client("bedrock/m", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client:
        assert client.ask("Hi").text == text


def test_errors_of_bedrock(scripted, clock):
    """
    Amazon's own form of errors has the message in a field with a capital; services that Bedrock lacks are not asked.
    """
    scripted.reply(403, {"Message": "Authentication failed: Please make sure your API Key is valid."})

    with Client("bedrock/m", api_key=SECRET, transport=scripted, clock=clock, cache=False) as client:
        with pytest.raises(PermissionDeniedError, match="make sure your API Key is valid"):
            client.ask("Hi")
        with pytest.raises(UnsupportedError):
            client.image("a cat")
    assert len(scripted.calls) == 1


@pytest.mark.parametrize("name", ["mistral", "openrouter", "xai"])
def test_presets_of_vendors_with_plugins_have_chat_only(scripted, clock, name):
    """
    The vendor's forms of media differ from OpenAI's, so they need its plugin; nothing is sent.
    """
    row = {"plugin": "openai-compatible", "api_key": SECRET, **load_presets()[name].settings}
    settings = {"providers": {"other": row}}

    with Client("other/m", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        for call in (client.image, client.speak):
            with pytest.raises(UnsupportedError):
                call("Hello")
        with pytest.raises(UnsupportedError):
            client.transcribe(b"RIFF\x24\0\0\0WAVEfmt ")

    assert scripted.calls == []
