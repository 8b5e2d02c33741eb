"""What providers and caches raise reaches the caller as an error that names the plugin."""

from __future__ import annotations

import traceback

import pytest

from budwood.errors import BadResponseError, PluginFaultError
from budwood_testing import chat_chunks, chat_reply, sse

SECRET = "sk-test-secret"


def raising(error):
    """
    Make a method that raises an error.
    """

    def method(*_args, **_kwargs):
        raise error

    return method


@pytest.fixture
def breaks(make_client, monkeypatch):
    """
    Make a client whose provider raises an error in one method, or in one method of its decoder.
    """

    def break_method(method, error):
        client = make_client()
        provider = type(client._engine.endpoints.get("openai").remote)
        if method in ("feed", "close"):
            make = provider.decoder

            def decoder(self, request, head):
                made = make(self, request, head)
                monkeypatch.setattr(type(made), method, raising(error))
                return made

            monkeypatch.setattr(provider, "decoder", decoder)
        else:
            monkeypatch.setattr(provider, method, raising(error))
        return client

    return break_method


def consume(client):
    """
    Read a stream to its end.
    """
    with client.stream("Hi") as stream:
        return list(stream)


@pytest.mark.parametrize("raised", [KeyError("x"), SystemExit(3), GeneratorExit()])
@pytest.mark.parametrize("method", ["encode", "authorize"])
def test_a_fault_before_sending_names_plugin_and_method(method, raised, breaks, scripted):
    """
    Whatever the encoder raises, nothing is sent, and the plugin is named with distribution and version.
    """
    with pytest.raises(
        PluginFaultError, match=rf"^Plugin 'openai' \(budwood-openai .*\) failed in {method}\(\)"
    ) as caught:
        breaks(method, raised).ask("Hi")

    assert "base_url" not in str(caught.value)
    assert scripted.calls == []


@pytest.mark.parametrize("raised", [ZeroDivisionError("zero"), SystemExit(3)])
def test_a_fault_in_reading_a_reply_is_the_plugins(raised, breaks, scripted):
    """
    An error that no reply can cause is not blamed on the server, and not repeated.
    """
    scripted.reply(body=chat_reply("Hello."))

    with pytest.raises(PluginFaultError, match=r"failed in decode\(\)"):
        breaks("decode", raised).ask("Hi")

    assert len(scripted.calls) == 1


@pytest.mark.parametrize("method", ["decoder", "feed", "close"])
def test_a_fault_in_reading_a_stream_is_the_plugins(method, breaks, scripted):
    """
    Making the decoder, feeding it and closing it are inside the boundary.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hello."])))

    with pytest.raises(PluginFaultError, match=rf"failed in {method}\(\): ZeroDivisionError"):
        consume(breaks(method, ZeroDivisionError()))


@pytest.mark.parametrize(("method", "status"), [("decode", 200), ("error", 400)])
def test_an_unexpected_reply_is_quoted(method, status, breaks, scripted):
    """
    A missing field is a bad response that names the field, the plugin and the beginning of the reply.
    """
    scripted.reply(status, body={"error": {"message": "odd"}})

    with pytest.raises(BadResponseError) as caught:
        breaks(method, KeyError("id")).ask("Hi")

    assert f"Unexpected response format: missing field 'id', in {method}() of plugin 'openai'" in caught.value.message
    assert 'Response starts with: {"error"' in caught.value.message


@pytest.mark.parametrize("method", ["authorize", "decode"])
def test_no_fault_tells_the_key(method, breaks, scripted):
    """
    The key is taken out of what plugins raise, chained errors included.
    """
    scripted.reply(body=chat_reply("Hello."))

    with pytest.raises(PluginFaultError) as caught:
        breaks(method, ZeroDivisionError(f"key {SECRET}")).ask("Hi")

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("raised", [RuntimeError("disk"), SystemExit(3)])
def test_a_cache_that_fails_is_a_miss(raised, make_client, scripted):
    """
    Neither reading nor writing a cache ends the call, or the program.
    """

    class Cache:
        get = set = raising(raised)

        def close(self):
            pass

    scripted.reply(body=chat_reply("Hello."))

    assert make_client(cache=Cache()).ask("Hi").text == "Hello."
