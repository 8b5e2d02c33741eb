"""What cannot fit a model is not sent; what may fit is."""

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
    A client of a model that holds 1,000 tokens.
    """
    with make_client("openai/small", settings=SMALL) as made:
        yield made


def test_a_request_that_cannot_fit_is_not_sent(small, scripted):
    """
    The error has both numbers, and says what to do, also where the figure is wrong.
    """
    with pytest.raises(ContextLengthError) as caught:
        small.ask(LONG)

    assert scripted.calls == []
    said = str(caught.value)
    assert "context window of small is 1,000" in said
    assert 'context_window in [models."openai/small"]' in said
    assert (caught.value.provider, caught.value.model, caught.value.param) == ("openai", "small", "messages")
    assert (caught.value.status, caught.value.retryable, caught.value.attempts) == (None, False, ())


def test_streams_and_many_and_async_calls_are_looked_at_too(small, scripted, make_async_client):
    """
    It is the same engine.
    """
    with pytest.raises(ContextLengthError), small.stream(LONG) as stream:
        list(stream)
    (failed,) = small.ask_many([LONG])
    assert isinstance(failed, ContextLengthError)

    async def story():
        async with make_async_client("openai/small", settings=SMALL) as client:
            with pytest.raises(ContextLengthError):
                await client.ask(LONG)

    asyncio.run(story())
    assert scripted.calls == []


def test_what_may_fit_is_sent(small, scripted):
    """
    An estimate just above the window is no reason to refuse: its lower bound may be below.
    """
    scripted.reply(body=chat_reply("Yes."))
    text = "A word or two of English prose. " * 145
    count = small.count_tokens(text, offline=True)
    assert count.low < 1000 < count.input_tokens

    assert small.ask(text).text == "Yes."


def test_a_window_that_is_not_known_refuses_nothing(make_client, scripted):
    """
    Nothing is guessed.
    """
    scripted.reply(body=chat_reply("Yes."))
    with make_client("openai/unheard-of") as client:
        assert client.ask(LONG * 50).text == "Yes."


def test_the_catalog_knows_the_windows_of_most_models(client, scripted):
    """
    What gpt-4o surely cannot hold is not sent to it.
    """
    with pytest.raises(ContextLengthError, match="context window of gpt-4o is"):
        client.ask(LONG * 100)
    assert scripted.calls == []


def test_a_round_figure_of_the_catalog_is_taken_with_a_twentieth_more(make_client, scripted):
    """
    A million stands there for 1,048,576 too; what users say is taken at its word.
    """
    scripted.reply(body=chat_reply("Yes."))
    text = "🙂" * 330_000  # at least 132,000 tokens
    with make_client("openai/gpt-4o") as client:
        assert client.ask(text).text == "Yes."
    rows = {"models": {"openai/gpt-4o": {"context_window": 128_000}}}
    with make_client("openai/gpt-4o", settings=rows) as client, pytest.raises(ContextLengthError):
        client.ask(text)


def test_the_output_counts_where_the_vendor_counts_it(small, scripted, make_client):
    """
    OpenAI refuses what with max_tokens exceeds the window; others write until it is full.
    """
    scripted.reply(body=chat_reply("Yes."))

    with pytest.raises(ContextLengthError, match=r"plus max_tokens of 990.* lower max_tokens"):
        small.ask("A word or two of English prose. " * 20, max_tokens=990)
    assert scripted.calls == []
    with make_client("openrouter/small", settings=SMALL) as other:
        assert other.ask("A word or two of English prose. " * 20, max_tokens=990).text == "Yes."


def test_tools_and_images_do_not_make_a_request_longer_than_it_surely_is(small, scripted):
    """
    An image may be small; what it costs is not known before.
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
def test_what_the_vendor_shortens_or_widens_is_sent(make_client, scripted, extra):
    """
    Whoever asks the vendor to leave something out knows that it is long.
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


def test_models_inside_the_process_are_looked_at_too(make_client):
    """
    They have windows as others have.
    """
    rows = {"models": {"offline/extractive": {"context_window": 100}}}
    with make_client("offline/extractive", settings=rows, api_key=None) as client:
        assert client.ask("What gives fruit? The shoot gives fruit.").text
        with pytest.raises(ContextLengthError):
            client.ask(LONG)


def test_a_kept_reply_needs_no_room(make_client, scripted):
    """
    What the cache answers is not sent.
    """
    scripted.reply(body=chat_reply("Yes."))
    wide = {"models": {"openai/small": {"context_window": 100_000}}}
    with make_client("openai/small", settings=wide, cache="memory") as client:
        client.ask(LONG)
        assert client.ask(LONG).cached


def test_more_output_than_the_model_writes_is_lowered_with_a_receipt(make_client, scripted):
    """
    The reply says what was sent instead.
    """
    scripted.reply(body=chat_reply("Yes."))
    with make_client(settings=SHORT) as client:
        (receipt,) = client.ask("Hello", max_tokens=51).adaptations

    assert b'"max_tokens":50' in scripted.calls[0].body.replace(b"max_completion_tokens", b"max_tokens")
    assert (receipt.parameter, receipt.action) == ("max_tokens", "changed")
    assert "at most 50 tokens" in receipt.reason


def test_more_output_than_the_model_writes_is_an_error_where_that_is_wanted(make_client, scripted):
    """
    on_unsupported="error" sends nothing that was not given.
    """
    with make_client(settings=SHORT) as client, pytest.raises(UnsupportedError, match="at most 50 tokens"):
        client.ask("Hello", max_tokens=51, on_unsupported="error")
    assert scripted.calls == []


def test_as_much_output_as_the_model_writes_is_sent_as_given(make_client, scripted):
    """
    Without a receipt.
    """
    scripted.reply(body=chat_reply("Yes."))
    with make_client(settings=SHORT) as client:
        assert client.ask("Hello", max_tokens=50).adaptations == ()
