"""Requests that cannot fit a model are not sent; those that may fit are."""

from __future__ import annotations

import asyncio

import pytest

from budwood.errors import ContextLengthError, UnsupportedError
from budwood.types import ImagePart, Message, TextPart
from budwood_testing import chat_reply

SMALL = {"models": {"openai/small": {"context_window": 1000}, "openrouter/small": {"context_window": 1000}}}
SHORT = {"models": {"openai/gpt-4o": {"max_output_tokens": 50}}}
LONG = "A word or two of English prose. " * 250
"""Some 2,000 tokens."""


@pytest.fixture
def small(make_client):
    """
    A client of a model with a context window of 1,000 tokens.
    """
    with make_client("openai/small", settings=SMALL) as limited_client:
        yield limited_client


def test_a_request_that_cannot_fit_is_not_sent(small, scripted):
    """
    The error has both numbers, and says what to do, also if the window is wrong.
    """
    with pytest.raises(ContextLengthError) as caught:
        small.ask(LONG)

    assert scripted.calls == []
    message = str(caught.value)
    assert "context window of small is 1,000" in message
    assert 'context_window in [models."openai/small"]' in message
    assert (caught.value.provider, caught.value.model, caught.value.param) == ("openai", "small", "messages")
    assert (caught.value.status, caught.value.retryable, caught.value.attempts) == (None, False, ())


def test_streams_and_many_and_async_calls_are_checked(small, scripted, make_async_client):
    """
    All use the same engine.
    """
    with pytest.raises(ContextLengthError), small.stream(LONG) as stream:
        list(stream)
    (failed,) = small.ask_many([LONG]).in_order()
    assert isinstance(failed, ContextLengthError)

    async def run_scenario():
        async with make_async_client("openai/small", settings=SMALL) as client:
            with pytest.raises(ContextLengthError):
                await client.ask(LONG)

    asyncio.run(run_scenario())
    assert scripted.calls == []


def test_a_request_that_may_fit_is_sent(small, scripted):
    """
    An estimate above the window is sent if its lower bound is below.
    """
    scripted.reply(body=chat_reply("Yes."))
    text = "A word or two of English prose. " * 145
    count = small.count_tokens(text, offline=True)
    assert count.low < 1000 < count.input_tokens

    assert small.ask(text).text == "Yes."


def test_an_unknown_window_rejects_nothing(make_client, scripted):
    """
    It is not guessed.
    """
    scripted.reply(body=chat_reply("Yes."))
    with make_client("openai/unheard-of") as client:
        assert client.ask(LONG * 50).text == "Yes."


def test_the_catalog_knows_the_windows_of_most_models(client, scripted):
    """
    A request that exceeds the window of gpt-4o is not sent.
    """
    with pytest.raises(ContextLengthError, match="context window of gpt-4o is"):
        client.ask(LONG * 100)
    assert scripted.calls == []


def test_round_windows_of_the_catalog_have_a_tolerance(make_client, scripted):
    """
    A million may mean 1,048,576; windows in the settings are exact.
    """
    scripted.reply(body=chat_reply("Yes."))
    text = "🙂" * 330_000  # at least 132,000 tokens
    with make_client("openai/gpt-4o") as client:
        assert client.ask(text).text == "Yes."
    rows = {"models": {"openai/gpt-4o": {"context_window": 128_000}}}
    with make_client("openai/gpt-4o", settings=rows) as client, pytest.raises(ContextLengthError):
        client.ask(text)


def test_the_output_counts_if_the_vendor_counts_it(small, scripted, make_client):
    """
    OpenAI rejects requests whose input and max_tokens exceed the window; others do not.
    """
    scripted.reply(body=chat_reply("Yes."))

    with pytest.raises(ContextLengthError, match=r"plus max_tokens of 990.* lower max_tokens"):
        small.ask("A word or two of English prose. " * 20, max_tokens=990)
    assert scripted.calls == []
    with make_client("openrouter/small", settings=SMALL) as other:
        assert other.ask("A word or two of English prose. " * 20, max_tokens=990).text == "Yes."


def test_tools_and_images_count_as_little_as_possible(small, scripted):
    """
    The tokens of an image are not known before it is sent.
    """

    def weather(city: str) -> str:
        """
        Tell the weather.
        """
        return city

    scripted.reply(body=chat_reply("Yes.")).reply(body=chat_reply("Yes."))
    image = Message(role="user", parts=(TextPart(text="Look"), *[ImagePart(url="https://vendor.example/a.png")] * 20))

    assert small.ask("Hello", tools=[weather]).text == "Yes."
    assert small.ask([image]).text == "Yes."
    with pytest.raises(ContextLengthError):
        small.ask(LONG, tools=[weather])


@pytest.mark.parametrize("extra", [{"truncation": "auto"}, {"context_management": []}, {"transforms": ["x"]}])
def test_a_request_that_the_vendor_truncates_is_sent(make_client, scripted, extra):
    """
    The caller has requested truncation.
    """
    scripted.reply(body=chat_reply("Yes."))
    with make_client("openrouter/small", settings=SMALL) as client:
        assert client.ask(LONG, extra=extra).text == "Yes."


def test_truncation_that_is_off_changes_nothing(small):
    """
    ``disabled`` is the vendor's default.
    """
    with pytest.raises(ContextLengthError):
        small.ask(LONG, extra={"truncation": "disabled"})


def test_local_models_are_checked(make_client):
    """
    They have windows as well.
    """
    rows = {"models": {"offline/extractive": {"context_window": 100}}}
    with make_client("offline/extractive", settings=rows, api_key=None) as client:
        assert client.ask("What gives fruit? The shoot gives fruit.").text
        with pytest.raises(ContextLengthError):
            client.ask(LONG)


def test_a_cached_reply_is_not_checked(make_client, scripted):
    """
    Nothing is sent.
    """
    scripted.reply(body=chat_reply("Yes."))
    wide = {"models": {"openai/small": {"context_window": 100_000}}}
    with make_client("openai/small", settings=wide, cache="memory") as client:
        client.ask(LONG)
        assert client.ask(LONG).cached


def test_max_tokens_is_reduced_to_the_output_limit(make_client, scripted):
    """
    The adaptation is reported.
    """
    scripted.reply(body=chat_reply("Yes."))
    with make_client(settings=SHORT) as client:
        (adaptation,) = client.ask("Hello", max_tokens=51).adaptations

    assert b'"max_tokens":50' in scripted.calls[0].body.replace(b"max_completion_tokens", b"max_tokens")
    assert (adaptation.parameter, adaptation.action) == ("max_tokens", "changed")
    assert "at most 50 tokens" in adaptation.reason


def test_max_tokens_above_the_output_limit_can_be_an_error(make_client, scripted):
    """
    With `on_unsupported="error"` nothing is sent.
    """
    with make_client(settings=SHORT) as client, pytest.raises(UnsupportedError, match="at most 50 tokens"):
        client.ask("Hello", max_tokens=51, on_unsupported="error")
    assert scripted.calls == []


def test_max_tokens_up_to_the_output_limit_is_unchanged(make_client, scripted):
    """
    There is no adaptation.
    """
    scripted.reply(body=chat_reply("Yes."))
    with make_client(settings=SHORT) as client:
        assert client.ask("Hello", max_tokens=50).adaptations == ()
