"""What providers and caches raise reaches the caller as an error that names the plugin."""

from __future__ import annotations

import traceback
from types import SimpleNamespace

import pytest

from budwood.errors import BadResponseError, PluginFaultError, ProviderError
from budwood.types import AttemptFinished
from budwood_testing import chat_chunks, chat_reply, sse

SECRET = "sk-test-secret"


def make_raising_method(error):
    """
    Return a method that raises an error.
    """

    def method(*_args, **_kwargs):
        raise error

    return method


@pytest.fixture
def make_patched_client(make_client, monkeypatch):
    """
    Create a client with another method of its provider or decoders.
    """

    def replace_method(method, function):
        client = make_client()
        provider = type(client._engine.endpoints.get("openai").remote)
        if method in ("feed", "close"):
            make = provider.decoder

            def decoder(self, request, head):
                stream_decoder = make(self, request, head)
                monkeypatch.setattr(type(stream_decoder), method, function)
                return stream_decoder

            monkeypatch.setattr(provider, "decoder", decoder)
        else:
            monkeypatch.setattr(provider, method, function)
        return client

    return replace_method


@pytest.fixture
def make_failing_client(make_patched_client):
    """
    Create a client whose provider, or its decoder, raises an error in one method.
    """
    return lambda method, error: make_patched_client(method, make_raising_method(error))


def consume(client):
    """
    Read a stream to its end.
    """
    with client.stream("Hi") as stream:
        return list(stream)


@pytest.mark.parametrize("raised", [KeyError("x"), SystemExit(3), GeneratorExit()])
@pytest.mark.parametrize("method", ["encode", "authorize"])
def test_a_fault_before_sending_names_plugin_and_method(method, raised, make_failing_client, scripted):
    """
    Nothing is sent, and the error has the plugin, its distribution and its version.
    """
    with pytest.raises(
        PluginFaultError, match=rf"^Plugin 'openai' \(budwood-openai .*\) failed in {method}\(\)"
    ) as caught:
        make_failing_client(method, raised).ask("Hi")

    assert "base_url" not in str(caught.value)
    assert scripted.calls == []


@pytest.mark.parametrize("raised", [ZeroDivisionError("zero"), SystemExit(3)])
def test_a_fault_of_decode_is_the_plugins(raised, make_failing_client, scripted):
    """
    It is not reported as an error of the server, and not retried.
    """
    scripted.reply(body=chat_reply("Hello."))

    with pytest.raises(PluginFaultError, match=r"failed in decode\(\)"):
        make_failing_client("decode", raised).ask("Hi")

    assert len(scripted.calls) == 1


@pytest.mark.parametrize("method", ["decoder", "feed", "close"])
def test_a_fault_of_a_stream_decoder_is_the_plugins(method, make_failing_client, scripted):
    """
    Creating, feeding and closing the decoder are inside the boundary.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hello."])))

    with pytest.raises(PluginFaultError, match=rf"failed in {method}\(\): ZeroDivisionError"):
        consume(make_failing_client(method, ZeroDivisionError()))


@pytest.mark.parametrize(("method", "status"), [("decode", 200), ("error", 400)])
def test_an_unexpected_reply_is_quoted(method, status, make_failing_client, scripted):
    """
    A missing field is a bad response with the field, the plugin and the beginning of the reply.
    """
    scripted.reply(status, body={"error": {"message": "odd"}})

    with pytest.raises(BadResponseError) as caught:
        make_failing_client(method, KeyError("id")).ask("Hi")

    assert f"Unexpected response format: missing field 'id', in {method}() of plugin 'openai'" in caught.value.message
    assert 'Response starts with: {"error"' in caught.value.message


@pytest.mark.parametrize("method", ["authorize", "decode"])
def test_no_fault_contains_the_key(method, make_failing_client, scripted):
    """
    It is removed from the error and from chained errors.
    """
    scripted.reply(body=chat_reply("Hello."))

    with pytest.raises(PluginFaultError) as caught:
        make_failing_client(method, ZeroDivisionError(f"key {SECRET}")).ask("Hi")

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("raised", [RuntimeError("disk"), SystemExit(3)])
def test_a_cache_that_fails_is_a_miss(raised, make_client, scripted):
    """
    Neither loading nor storing fails the call or ends the program.
    """

    class Cache:
        get = set = make_raising_method(raised)

        def close(self):
            pass

    scripted.reply(body=chat_reply("Hello."))

    assert make_client(cache=Cache()).ask("Hi").text == "Hello."


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("encode", 200, "HTTPCall"),
        ("authorize", 200, "HTTPCall"),
        ("decode", 200, "ChatResponse"),
        ("error", 429, "ProviderError"),
    ],
)
def test_a_wrong_result_is_the_plugins_fault(method, status, expected, make_patched_client, scripted):
    """
    The error has the method and the type of its result.
    """
    scripted.reply(status, body=chat_reply("Hello."))

    with pytest.raises(PluginFaultError) as caught:
        make_patched_client(method, lambda *_args, **_kwargs: None).ask("Hi")

    assert f"failed in {method}(): it returned NoneType instead of {expected}" in caught.value.message
    assert len(scripted.calls) <= 1


def test_wrong_rules_of_a_model_are_the_plugins_fault(make_client, monkeypatch):
    """
    The methods for each model are checked as well.
    """
    monkeypatch.setattr(type(make_client()._engine.endpoints.get("openai").remote), "model_rules", lambda *_args: None)

    with pytest.raises(PluginFaultError, match=r"model_rules\(\): it returned NoneType instead of ModelRules"):
        make_client().ask("Hi")


def test_a_decoder_that_is_none_is_the_plugins_fault(make_patched_client, scripted):
    """
    It is not reported as an error of the server.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hello."])))

    with pytest.raises(PluginFaultError, match=r"decoder\(\): it returned NoneType instead of StreamDecoder"):
        consume(make_patched_client("decoder", lambda *_args: None))


def test_an_unknown_event_is_the_plugins_fault(make_patched_client, scripted):
    """
    A decoder must yield stream events; other values are not reported as an error of the server.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hello."])))

    with pytest.raises(PluginFaultError, match=r"failed in feed\(\): RuntimeError: str is not a stream event"):
        consume(make_patched_client("feed", lambda *_args: ["text"]))


@pytest.mark.parametrize("raised", [KeyError("x"), SystemExit(3)])
def test_a_fault_in_the_token_source_property_is_the_plugins(raised, make_client, monkeypatch):
    """
    Properties of a provider are inside the boundary.
    """
    provider = type(make_client()._engine.endpoints.get("openai").remote)
    monkeypatch.setattr(provider, "token_source", property(make_raising_method(raised)), raising=False)

    with pytest.raises(PluginFaultError, match=r"failed in token_source\(\)"):
        make_client()


def test_a_fault_in_may_truncate_is_the_plugins(make_failing_client):
    """
    The method is inside the boundary.
    """
    client = make_failing_client("may_truncate", KeyError("x"))

    with pytest.raises(PluginFaultError, match=r"failed in may_truncate\(\): KeyError"):
        client.ask("word " * 200_000)


def test_an_error_that_cannot_be_read_keeps_its_status(make_failing_client, scripted):
    """
    The status is known even if the plugin cannot decode the error.
    """
    scripted.reply(503, body={"odd": True})

    with pytest.raises(BadResponseError) as caught:
        make_failing_client("error", KeyError("error")).ask("Hi")

    assert caught.value.status == 503


def test_a_provider_that_fails_to_close_does_not_keep_others_open(make_client, monkeypatch):
    """
    The fault is raised after everything else is closed, including the cache.
    """
    closed = []
    client = make_client(cache="memory")
    first, second = (client._engine.endpoints.get(name).remote for name in ("openai", "groq"))
    monkeypatch.setattr(type(first), "close", make_raising_method(KeyError("x")), raising=False)
    monkeypatch.setattr(second, "close", lambda: closed.append("groq"), raising=False)
    monkeypatch.setattr(client._engine.cache.layers[0].store, "close", lambda: closed.append("cache"))

    with pytest.raises(PluginFaultError, match=r"failed in close\(\)"):
        client.close()

    assert sorted(closed) == ["cache", "groq"]


@pytest.mark.parametrize(("status", "outcome"), [(200, "Hello."), (401, "AuthenticationError")])
def test_rate_limits_that_cannot_be_read_hide_nothing(status, outcome, make_client, scripted, monkeypatch):
    """
    The reply, or the vendor's error, is returned, and observers are notified.
    """
    scripted.reply(status, body=chat_reply("Hello."))
    monkeypatch.setattr(
        type(make_client()._engine.endpoints.get("openai").remote), "rate_limits", make_raising_method(KeyError("x"))
    )
    seen = []

    try:
        result = make_client(observers=[SimpleNamespace(observe=seen.append)]).ask("Hi").text
    except ProviderError as error:
        result = type(error).__name__

    assert result == outcome
    assert [event.attempt.status for event in seen if isinstance(event, AttemptFinished)] == [status]


def test_a_price_tier_that_cannot_be_read_makes_the_cost_unknown(make_client, scripted, monkeypatch):
    """
    The reply is returned, and the reason says so.
    """
    scripted.reply(body=chat_reply("Hello."))
    monkeypatch.setattr(
        type(make_client()._engine.endpoints.get("openai").remote), "price_tier", make_raising_method(KeyError("x"))
    )
    seen = []

    reply = make_client(observers=[SimpleNamespace(observe=seen.append)]).ask("Hi")

    assert reply.text == "Hello."
    assert reply.cost is None
    assert "price_tier()" in reply.cost_unknown
    assert [event.attempt.error for event in seen if isinstance(event, AttemptFinished)] == [None]


def test_a_fault_in_has_responses_is_the_plugins(make_failing_client):
    """
    The method is inside the boundary.
    """
    client = make_failing_client("has_responses", KeyError("x"))

    with pytest.raises(PluginFaultError, match=r"failed in has_responses\(\): KeyError"):
        client.model("openai/any")
