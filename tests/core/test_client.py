from __future__ import annotations

import asyncio
import threading
from itertools import islice

import pytest

import budwood
import budwood.client.shared
from budwood import AsyncClient, Client
from budwood.errors import (
    BudwoodError,
    ConfigurationError,
    ConnectionFailedError,
    CredentialError,
    InvalidRequestError,
    PluginNotFoundError,
    StreamInterruptedError,
)
from budwood.types import Finished, Message, ResponseStarted, TextDelta, UsageReported
from budwood_testing import ScriptedTransport, chat_chunks, chat_reply, sse


def test_asking_sends_the_prompt_and_returns_the_text(client, scripted):
    """
    The prompt is sent as one user message, with the vendor's model name, and the key only in its header.
    """
    scripted.reply(body=chat_reply("Because of Rayleigh."))

    reply = client.ask("Why is the sky blue?")

    assert reply.text == "Because of Rayleigh."
    assert scripted.sent() == {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    assert scripted.calls[0].url == "https://api.openai.com/v1/chat/completions"
    assert scripted.calls[0].headers["authorization"] == "Bearer sk-test-secret"


def test_responses_contain_everything_that_the_vendor_returned(client, scripted):
    """
    A response has the provider, model, ids, finish reason, usage, limits, attempts and the complete body.
    """
    scripted.reply(body=chat_reply("Hi"), headers={"X-Request-Id": "req-7", "X-RateLimit-Remaining-Requests": "99"})

    reply = client.ask("Hello")

    assert (reply.provider, reply.model, reply.id, reply.request_id) == ("openai", "scripted", "chatcmpl-1", "req-7")
    assert (reply.finish_reason, reply.raw_finish_reason, reply.cached) == ("stop", "stop", False)
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.total_tokens) == (5, 7, 12)
    assert reply.rate_limits.remaining_requests == 99
    assert reply.raw == chat_reply("Hi")
    assert reply.adaptations == ()
    assert [(attempt.status, attempt.key, attempt.request_id) for attempt in reply.attempts] == [
        (200, "default", "req-7")
    ]
    assert reply.messages == (Message.assistant("Hi"),)


def test_unknown_cost_and_usage_are_none_and_not_zero(client, scripted):
    """
    Without usage, the cost is None with a reason, and all counts and their sums are None.
    """
    scripted.reply(body=chat_reply("Hi", usage=None))

    reply = client.ask("Hello")

    assert (reply.cost, reply.cost_unknown) == (None, "the vendor reported no usage")
    assert reply.usage.input_tokens is None
    assert reply.usage.output_tokens is None
    assert reply.usage.total_tokens is None
    assert (reply.usage + reply.usage).output_tokens is None


def test_without_a_model_the_error_lists_the_providers(make_client, scripted):
    """
    Budwood never chooses a vendor: the error lists the providers and how to choose a model.
    """
    client = make_client(None, api_key=None, settings={"providers": {"work": {"plugin": "openai"}}})

    with pytest.raises(ConfigurationError, match=r"No model given.*BUDWOOD_MODEL.*openai.*work"):
        client.ask("Hi")
    with pytest.raises(ConfigurationError, match="No model given"):
        client.capabilities()
    assert scripted.calls == []


@pytest.mark.parametrize("address", ["gpt-4o", "/gpt-4o", "openai/", "openai/ "])
def test_an_address_is_provider_and_model(client, address):
    """
    A model without a provider is an error that lists the providers.
    """
    with pytest.raises(ConfigurationError, match=r"Invalid model.*provider/model.*openai"):
        client.ask("Hi", model=address)


def test_unknown_providers_are_errors_of_the_constructor(make_client):
    """
    An unknown provider is an error that suggests similar names.
    """
    with pytest.raises(PluginNotFoundError, match="openai"):
        make_client("opnai/gpt-4o")


def test_without_a_key_nothing_is_sent(make_client, scripted):
    """
    A missing key is an error that names the environment variable.
    """
    with pytest.raises(CredentialError, match="Set OPENAI_API_KEY"):
        make_client(api_key=None).ask("Hi")

    assert scripted.calls == []


def test_a_key_belongs_to_the_provider_of_the_model(make_client, scripted):
    """
    A key that was passed for one provider is not sent to others; spellings of a provider's name are equal.
    """
    scripted.reply(body=chat_reply()).reply(body=chat_reply())
    client = make_client("OpenAI/gpt-4o", settings={"providers": {"work": {"plugin": "openai"}}})

    client.ask("Hi")
    client.ask("Hi", model="openai/gpt-4o-mini")
    with pytest.raises(CredentialError, match="work: no API key"):
        client.ask("Hi", model="work/gpt-4o")

    assert [call.headers["authorization"] for call in scripted.calls] == ["Bearer sk-test-secret"] * 2


def test_a_key_without_a_model_is_refused(make_client):
    """
    A key without a model is an error, because its provider is not known.
    """
    with pytest.raises(ConfigurationError, match="Without a model, api_key cannot be used"):
        make_client(None)


def test_the_model_of_the_settings_is_the_default(make_client, scripted):
    """
    The model in the settings is used unless the client or a call chooses another one.
    """
    scripted.reply(body=chat_reply()).reply(body=chat_reply())
    client = make_client(None, api_key=None, settings={"model": "openai/a", "providers": {"openai": {"api_key": "k"}}})

    client.ask("Hi")
    client.ask("Hi", model="openai/b")

    assert [scripted.sent(number)["model"] for number in (0, 1)] == ["a", "b"]


def test_cache_true_is_refused(make_client):
    """
    `cache=True` is an error, because it does not name a cache.
    """
    with pytest.raises(ConfigurationError, match="cache=True"):
        make_client(cache=True)


def test_a_stream_yields_events_and_ends_with_the_response(client, scripted):
    """
    Events are in order, and the response at the end has text, usage and ids.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once", " upon"])), headers={"x-request-id": "req-8"})

    with client.stream("A story") as stream:
        events = list(stream)

    shown = [event for event in events if isinstance(event, ResponseStarted | TextDelta | Finished | UsageReported)]
    assert [type(event) for event in shown] == [ResponseStarted, TextDelta, TextDelta, Finished, UsageReported]
    assert stream.response.text == "Once upon"
    assert stream.response.usage.output_tokens == 2
    assert (stream.response.finish_reason, stream.response.request_id) == ("stop", "req-8")
    assert (stream.response.provider, len(stream.response.attempts)) == ("openai", 1)
    assert scripted.sent()["stream"] is True


def test_nothing_is_sent_before_the_first_event_is_read(client, scripted):
    """
    Creating a stream, or closing it unread, sends nothing.
    """
    with client.stream("A story"):
        assert scripted.calls == []

    assert scripted.calls == []


def test_events_are_yielded_as_soon_as_they_arrive(client, scripted):
    """
    The first text is yielded before the next chunk arrives.
    """
    first = sse(*chat_chunks(["a"], finish_reason=None), done=False)
    scripted.reply(chunks=first, failure=ConnectionFailedError("The connection broke."))

    with client.stream("A story") as stream:
        texts = stream.text_deltas()
        assert next(texts) == "a"
        with pytest.raises(StreamInterruptedError):
            next(texts)


def test_texts_and_events_can_be_read_alternately(client, scripted):
    """
    Reading texts and then events misses nothing, even if everything arrived in one chunk.
    """
    scripted.reply(chunks=[b"".join(sse(*chat_chunks(list("abcdef"))))])

    with client.stream("A story") as stream:
        first_deltas = list(islice(stream.text_deltas(), 2))
        then = next(event.text for event in stream if isinstance(event, TextDelta))
        rest = list(stream.text_deltas())

    assert "".join([*first_deltas, then, *rest]) == stream.response.text == "abcdef"


def test_leaving_a_stream_closes_its_connection(client, scripted):
    """
    A break closes the connection immediately, and the response is the partial reply.
    """
    scripted.reply(chunks=sse(*chat_chunks(list("abcdef"))))

    with client.stream("A story") as stream:
        for text in stream.text_deltas():
            assert text == "a"
            break

    assert scripted.abandoned == 1
    assert list(stream) == []
    assert stream.response.text == "a"
    assert stream.response.partial
    stream.close()


def test_interrupted_streams_raise_with_the_partial_reply(client, scripted):
    """
    After the first content nothing is retried: the error has the text, the attempts, the provider and the model.
    """
    scripted.reply(chunks=sse(*chat_chunks(["half a "], finish_reason=None), done=False))

    with client.stream("A story") as stream, pytest.raises(StreamInterruptedError) as caught:
        list(stream)

    assert caught.value.response.text == "half a "
    assert (caught.value.response.provider, caught.value.response.model) == ("openai", "scripted")
    assert len(caught.value.response.attempts) == len(caught.value.attempts) == 1
    assert (caught.value.provider, caught.value.model) == ("openai", "gpt-4o")
    assert len(scripted.calls) == 1


class CountingTransport(ScriptedTransport):
    """Counts calls of `close`."""

    closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_clients_close_only_transports_that_they_created(make_client):
    """
    Closing a client does not close a transport that was passed to it; afterwards the client sends nothing.
    """
    transport = CountingTransport().reply(body=chat_reply())
    with make_client(transport=transport) as client:
        client.ask("Hi")
    client.close()

    assert transport.closed == 0
    with pytest.raises(BudwoodError, match="This client is closed"):
        client.ask("Hi")
    with pytest.raises(BudwoodError, match="This client is closed"), client.stream("Hi") as stream:
        list(stream)
    assert len(transport.calls) == 1


def test_unused_clients_can_be_closed():
    """
    A client without connections can be closed.
    """
    with Client("openai/gpt-4o"):
        pass


def test_a_client_shows_its_model_and_no_secret(client):
    """
    The repr of a client contains only its model.
    """
    assert repr(client) == "Client('openai/gpt-4o')"


def test_threads_share_a_client(client, scripted, echo):
    """
    Concurrent threads receive their own replies.
    """
    answers: dict[int, str] = {}
    barrier = threading.Barrier(8)
    for _ in range(8 * 10):
        scripted.answer(echo)

    def work(number):
        barrier.wait()
        for turn in range(10):
            answers[number * 10 + turn] = client.ask(f"{number}/{turn}").text

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {
        number * 10 + turn: f"you said {number}/{turn}" for number in range(8) for turn in range(10)
    }  # fmt: skip


def test_tasks_share_an_async_client(async_client, scripted, echo):
    """
    Concurrent tasks receive their own replies, and `ask_many` returns them in order.
    """
    for _ in range(40):
        scripted.answer(echo)

    async def run_scenario():
        alone = await asyncio.gather(*(async_client.ask(str(number)) for number in range(20)))
        together = await async_client.ask_many(["trouble", *map(str, range(19))], concurrency=5).in_order()
        return alone, together

    alone, (failed, *others) = asyncio.run(run_scenario())

    assert [reply.text for reply in alone] == [f"you said {number}" for number in range(20)]
    assert isinstance(failed, InvalidRequestError)
    assert [reply.text for reply in others] == [f"you said {number}" for number in range(19)]


def test_async_texts_and_events_can_be_read_alternately(async_client, scripted):
    """
    Async streams yield chunks as they arrive, and reading texts and then events misses nothing.
    """
    scripted.reply(chunks=[b"".join(sse(*chat_chunks(list("abcdef"))))])

    async def read() -> list[str]:
        async with async_client.stream("A story") as stream:
            first_deltas = [await anext(stream.text_deltas()) for _ in range(2)]
            async for event in stream:
                if isinstance(event, TextDelta):
                    first_deltas.append(event.text)
                    break
            return first_deltas + [text async for text in stream.text_deltas()]

    assert asyncio.run(read()) == list("abcdef")


def test_leaving_an_async_stream_closes_its_connection(async_client, scripted):
    """
    A break closes the connection immediately.
    """
    scripted.reply(chunks=sse(*chat_chunks(list("abcdef"))))

    async def run_scenario():
        async with async_client.stream("A story") as stream:
            async for _ in stream:
                break
        return stream

    stream = asyncio.run(run_scenario())

    assert scripted.abandoned == 1
    assert stream.response.partial


@pytest.fixture
def default_transport(monkeypatch, scripted):
    """
    Replace the transport that clients create by the scripted one.
    """
    monkeypatch.setattr("budwood.client.transports.create_blocking", lambda *_: (scripted, None))
    monkeypatch.setattr("budwood.client.transports.create_async", lambda *_: (scripted.asynchronous, None))
    monkeypatch.setattr(budwood.client.shared, "_shared", None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    return scripted


def test_the_module_asks_with_one_shared_client(default_transport):
    """
    All calls of `budwood.ask` share one client, with settings from the environment.
    """
    default_transport.reply(body=chat_reply("one")).reply(body=chat_reply("two"))

    first = budwood.ask("1", model="openai/gpt-4o").text
    shared = budwood.client.shared._shared
    second = budwood.ask("2", model="openai/gpt-4o").text

    assert (first, second) == ("one", "two")
    assert budwood.client.shared._shared is shared
    assert default_transport.calls[0].headers["authorization"] == "Bearer sk-from-the-environment"


def test_ask_async_uses_its_own_client(default_transport):
    """
    `budwood.ask_async` creates a client for each call, in any event loop.
    """
    default_transport.reply(body=chat_reply("one")).reply(body=chat_reply("two"))

    texts = [asyncio.run(budwood.ask_async("Hi", model="openai/gpt-4o")).text for _ in range(2)]

    assert texts == ["one", "two"]


def test_budwood_ask_without_a_model_lists_the_providers(default_transport):
    """
    `budwood.ask` does not choose a model.
    """
    with pytest.raises(ConfigurationError, match=r"No model given.*openai"):
        budwood.ask("Hi")
    with pytest.raises(ConfigurationError, match=r"No model given.*openai"):
        asyncio.run(budwood.ask_async("Hi"))


def test_an_async_client_shows_its_model(async_client):
    """
    The repr of an async client contains only its model.
    """
    assert repr(async_client) == "AsyncClient('openai/gpt-4o')"
    assert isinstance(async_client, AsyncClient)
