"""Behaviour that the three example providers have in common."""

from __future__ import annotations

import asyncio

import pytest

from budwood import AsyncClient
from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    CapacityError,
    CredentialError,
    RateLimitError,
    StreamInterruptedError,
)
from tests.docs.providers.conftest import ANSWERS, MODELS, ROOT, SECRET, STREAMS


@pytest.mark.parametrize("name", MODELS)
def test_a_question_is_answered(asking, scripted, name):
    """
    A reply has text, usage and finish reason, and only the vendor's header contains the key.
    """
    scripted.reply(200, ANSWERS[name])
    with asking(name) as client:
        reply = client.ask("Hi", temperature=0.5)

    assert (reply.text, reply.provider, reply.finish_reason) == ("Hello", name, "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 2)
    (call,) = scripted.calls
    assert [value.split()[-1] for value in call.headers.values()].count(SECRET) == 1
    assert SECRET not in call.url + call.body.decode()
    assert 0.5 in scripted.sent().values()


@pytest.mark.parametrize("name", MODELS)
def test_an_answer_is_streamed(asking, scripted, name):
    """
    A stream yields the text as it arrives, for any split of its bytes, and ends with the same response.
    """
    wire = b"".join(STREAMS[name])
    scripted.reply(200, chunks=STREAMS[name]).reply(200, chunks=[wire[n : n + 3] for n in range(0, len(wire), 3)])
    with asking(name) as client:
        for _ in range(2):
            with client.stream("Hi") as stream:
                assert list(stream.text_deltas()) == ["Hel", "lo"]
            assert (stream.response.text, stream.response.finish_reason) == ("Hello", "stop")
            assert stream.response.usage.output_tokens == 2


@pytest.mark.parametrize("name", MODELS)
def test_async_clients_can_ask(installed, scripted, clock, name):
    """
    A provider without I/O works with both drivers.
    """
    scripted.reply(200, ANSWERS[name]).reply(200, chunks=STREAMS[name])

    async def talk():
        async with AsyncClient(
            MODELS[name], api_key=SECRET, transport=scripted.asynchronous, clock=clock, cache=False
        ) as client:
            reply = await client.ask("Hi")
            async with client.stream("Hi") as stream:
                return reply.text, [text async for text in stream.text_deltas()]

    assert asyncio.run(talk()) == ("Hello", ["Hel", "lo"])


@pytest.mark.parametrize("name", MODELS)
def test_a_stream_that_breaks_off_is_an_error(asking, scripted, name):
    """
    An answer without a finish reason is incomplete.
    """
    scripted.reply(200, chunks=STREAMS[name][:1])
    with asking(name, retries=0) as client, client.stream("Hi") as stream, pytest.raises(StreamInterruptedError):
        list(stream)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (429, RateLimitError), (503, CapacityError)])
def test_errors_are_classified(asking, scripted, name, status, kind):
    """
    The status determines the class, even if the body has an unknown format.
    """
    scripted.reply(status, "<title>Gateway</title>")
    with asking(name, retries=0) as client, pytest.raises(kind, match="Gateway"):
        client.ask("Hi")


@pytest.mark.parametrize("name", MODELS)
def test_html_instead_of_an_answer_is_an_error(asking, scripted, name):
    """
    A reply with status 200 that is not JSON raises BadResponseError, streamed or not.
    """
    scripted.reply(200, "<title>Log in</title>").reply(200, "<title>Log in</title>")
    with asking(name, retries=0) as client:
        with pytest.raises(BadResponseError, match="Log in"):
            client.ask("Hi")
        with client.stream("Hi") as stream, pytest.raises((BadResponseError, StreamInterruptedError)):
            list(stream)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_sent_without_a_key(asking, scripted, name):
    """
    The error names the environment variable from the spec.
    """
    with asking(name, api_key=None) as client, pytest.raises(CredentialError, match=f"{name.upper()}_API_KEY"):
        client.ask("Hi")
    assert scripted.calls == []


@pytest.mark.parametrize("name", MODELS)
def test_the_plugin_is_found_by_its_metadata_alone(asking, scripted, name):
    """
    Budwood does not contain the vendor's name.
    """
    words = (f'"{name}"', f"'{name}'", f"{name}/")
    files = [
        file
        for folder in ("core/src", "plugins")
        for kind in ("py", "json")
        for file in (ROOT / folder).rglob(f"*.{kind}")
    ]
    naming = [file for file in files if any(word in file.read_text("utf-8") for word in words)]

    assert len(files) > 100
    assert naming == []
    scripted.reply(200, ANSWERS[name])
    with asking(name) as client:
        assert client.ask("Hi").text == "Hello"
