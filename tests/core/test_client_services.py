from __future__ import annotations

import asyncio
import json

import pytest

from budwood import Client
from budwood.errors import BadResponseError, ConfigurationError, PromptError, RateLimitError, UnsupportedError
from budwood.types import Capability, ImagePart, Message, ModerationResponse, ToolCallPart, Usage
from budwood_testing import chat_reply, sse

SAFE = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.001}}
BAD = {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.98}}


def results(*rows):
    """
    Make a reply of moderations.
    """
    return {"id": "modr-1", "model": "omni-moderation-latest", "results": list(rows)}


def completion(*texts, finish_reason="length"):
    """
    Make a reply of plain completions.
    """
    choices = [{"text": text, "index": index, "finish_reason": finish_reason} for index, text in enumerate(texts)]
    return {
        "id": "cmpl-1",
        "model": "davinci-002",
        "choices": choices,
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }


def test_a_text_is_judged(client, scripted):
    """
    By the model that the vendor of the client's model has for it, where none is named.
    """
    scripted.reply(body=results(BAD), headers={"x-request-id": "req_1"})

    reply = client.moderate("I hate you.")

    (verdict,) = reply.results
    assert (reply.flagged, verdict.flagged, verdict.categories, verdict.scores) == (
        True,
        True,
        {"hate": True},
        {"hate": 0.98},
    )
    assert (reply.provider, reply.model, reply.id, reply.request_id) == (
        "openai",
        "omni-moderation-latest",
        "modr-1",
        "req_1",
    )
    assert scripted.sent() == {"input": "I hate you."}


def test_verdicts_stand_in_the_order_of_the_texts(client, scripted):
    """
    Each text is judged by itself, by the model that is named.
    """
    scripted.reply(body=results(SAFE, BAD))

    reply = client.moderate(["a", "b"], model="openai/omni-moderation-latest", extra={"x": 1})

    assert [verdict.flagged for verdict in reply.results] == [False, True]
    assert scripted.sent() == {"model": "omni-moderation-latest", "input": ["a", "b"], "x": 1}


def test_nothing_offends_in_nothing_flagged():
    """
    A response is flagged if one of its verdicts is.
    """
    assert ModerationResponse(results=()).flagged is False


def test_a_moderation_is_repeated_like_a_chat(client, scripted, clock):
    """
    Attempts, waits and request ids are those of any call.
    """
    scripted.reply(429, headers={"retry-after": "3"}).reply(body=results(SAFE), headers={"x-request-id": "req_2"})

    reply = client.moderate("a")

    assert clock.slept == [3.0]
    assert [(attempt.error, attempt.request_id) for attempt in reply.attempts] == [
        ("RateLimitError", None),
        (None, "req_2"),
    ]
    assert reply.attempts[1].usage == Usage()


@pytest.mark.parametrize("contents", [[], [Message(role="user", parts=())]])
def test_nothing_is_not_judged(client, scripted, contents):
    """
    Nothing is sent, and the error says what to give.
    """
    with pytest.raises(PromptError, match="nothing to classify"):
        client.moderate(contents)
    assert scripted.calls == []


@pytest.mark.parametrize(
    "content", [7, {"role": "user"}, Message(role="assistant", parts=(ToolCallPart(id="1", name="a"),))]
)
def test_what_is_no_content_is_not_judged(client, scripted, content):
    """
    Neither is what is no text or message, nor a message that holds more than texts and images.
    """
    with pytest.raises(PromptError):
        client.moderate([content])
    assert scripted.calls == []


@pytest.mark.parametrize("body", [{}, {"results": [{}]}, {"results": [7]}, {"results": [SAFE, SAFE]}, [], "no"])
def test_verdicts_in_no_known_form_are_the_servers_fault(client, scripted, body):
    """
    A reply that nobody foresaw is a `BadResponseError`, not a crash.
    """
    scripted.reply(body=json.dumps(body))

    with pytest.raises(BadResponseError):
        client.moderate("a")


def test_a_provider_without_moderation_says_so(scripted):
    """
    Before anything is sent.
    """
    with (
        Client("openrouter/x", api_key="k", transport=scripted, cache=False) as client,
        pytest.raises(UnsupportedError, match="does not support moderation"),
    ):
        client.moderate("a")
    assert scripted.calls == []


def test_a_text_is_gone_on_with(client, scripted):
    """
    The reply is one of chat: text, reason, usage and receipts.
    """
    scripted.reply(body=completion(" a time", " a king"))

    reply = client.complete(
        "Once upon", model="openai/davinci-002", max_tokens=2, stop="\n", temperature=0.5, extra={"n": 2, "echo": False}
    )

    assert (reply.text, reply.finish_reason, reply.model) == (" a time", "length", "davinci-002")
    assert [message.text for message in reply.alternatives] == [" a king"]
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (3, 2)
    assert reply.messages == (reply.message,)
    assert reply.attempts[0].usage.output_tokens == 2
    assert scripted.calls[0].url == "https://api.openai.com/v1/completions"
    assert scripted.sent() == {
        "model": "davinci-002",
        "prompt": "Once upon",
        "max_tokens": 2,
        "stop": ["\n"],
        "temperature": 0.5,
        "n": 2,
        "echo": False,
    }


BASE = {"models": {"openai/base-1": {"kind": "completion", "refuses": ["temperature"]}}}


def test_what_is_not_sent_as_given_has_a_receipt(make_client, scripted):
    """
    What the catalog says of a model holds for completions too.
    """
    scripted.reply(body=completion("x"))

    reply = make_client("openai/base-1", settings=BASE).complete("a", temperature=0.5)

    assert [(receipt.parameter, receipt.action) for receipt in reply.adaptations] == [("temperature", "dropped")]


def test_a_receipt_can_be_an_error(make_client, scripted):
    """
    So it is with ``on_unsupported``.
    """
    with pytest.raises(UnsupportedError, match="temperature"):
        make_client("openai/base-1", settings=BASE).complete("a", temperature=0.5, on_unsupported="error")
    assert scripted.calls == []


@pytest.mark.parametrize("option", ["system", "tools", "schema", "files", "reasoning_effort"])
def test_options_of_chat_are_none_of_completions(client, scripted, option):
    """
    What a plain completion cannot have is refused by name.
    """
    with pytest.raises(ConfigurationError, match=option):
        client.complete("a", model="openai/davinci-002", **{option: "x"})
    assert scripted.calls == []


@pytest.mark.parametrize("prompt", ["", "  "])
def test_an_empty_text_is_not_gone_on_with(client, scripted, prompt):
    """
    Nothing is sent.
    """
    with pytest.raises(PromptError):
        client.complete(prompt, model="openai/davinci-002")
    assert scripted.calls == []


def test_an_error_in_place_of_a_completion_is_raised(client, scripted):
    """
    With its class and the ledger.
    """
    scripted.reply(429, {"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}})

    with pytest.raises(RateLimitError) as caught:
        client.complete("a", model="openai/davinci-002", retries=0)
    assert len(caught.value.attempts) == 1


def test_a_provider_without_completions_says_so(scripted):
    """
    Before anything is sent, with what to do instead.
    """
    settings = {
        "providers": {"mine": {"plugin": "openai-compatible", "base_url": "http://x/v1", "lacks": ["completion"]}}
    }
    with Client("mine/m", settings=settings, transport=scripted, cache=False) as client:
        assert Capability.COMPLETION not in client.capabilities()
        with pytest.raises(UnsupportedError, match=r"client\.ask"):
            client.complete("a")
    assert scripted.calls == []


def test_a_model_in_this_process_has_none_of_these(scripted):
    """
    The offline provider neither judges nor completes.
    """
    with Client("offline/reader", transport=scripted, cache=False) as client:
        with pytest.raises(UnsupportedError, match="does not support moderation"):
            client.moderate("a")
        with pytest.raises(UnsupportedError, match="plain completions"):
            client.complete("a")


def test_the_async_client_does_the_same(async_client, scripted):
    """
    Moderations and completions, awaited.
    """

    async def asking():
        async with async_client as client:
            judged = await client.moderate(Message.user("a", ImagePart(url="https://x/y")))
            completed = await client.complete("Once upon", model="openai/davinci-002")
        return judged.flagged, completed.text

    scripted.reply(body=results(BAD)).reply(body=completion(" a time"))

    assert asyncio.run(asking()) == (True, " a time")


def test_a_chat_reply_in_place_of_a_completion_is_read(client, scripted):
    """
    Some servers answer so.
    """
    scripted.reply(body=chat_reply(" a time"))

    assert client.complete("Once upon", model="openai/davinci-002").text == " a time"


def completion_chunks(*texts):
    """
    Make the chunks of a streamed completion.
    """
    chunks = [{"id": "cmpl-1", "model": "davinci-002", "choices": [{"text": text, "index": 0}]} for text in texts]
    chunks.append({"id": "cmpl-1", "choices": [{"text": "", "index": 0, "finish_reason": "stop"}]})
    return chunks


def test_a_plain_completion_is_streamed(client, scripted):
    """
    Its text comes piece by piece, and the whole at the end.
    """
    scripted.reply(200, chunks=sse(*completion_chunks("Once", " upon")))

    with client.stream_completion("Tell", model="openai/davinci-002", max_tokens=5) as stream:
        pieces = list(stream.text_deltas())

    assert pieces == ["Once", " upon"]
    assert (stream.response.text, stream.response.finish_reason, stream.response.provider) == (
        "Once upon",
        "stop",
        "openai",
    )
    assert (scripted.sent()["prompt"], scripted.sent()["stream"]) == ("Tell", True)


def test_a_plain_completion_is_streamed_without_blocking(make_async_client, scripted):
    """
    The async client does the same.
    """
    scripted.reply(200, chunks=sse(*completion_chunks("Once")))

    async def run():
        async with (
            make_async_client() as client,
            client.stream_completion("Tell", model="openai/davinci-002") as stream,
        ):
            return [piece async for piece in stream.text_deltas()]

    assert asyncio.run(run()) == ["Once"]
