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


def make_moderation_body(*rows):
    """
    Make the body of a moderation reply.
    """
    return {"id": "modr-1", "model": "omni-moderation-latest", "results": list(rows)}


def make_completion_body(*texts, finish_reason="length"):
    """
    Make the body of a completion reply.
    """
    choices = [{"text": text, "index": index, "finish_reason": finish_reason} for index, text in enumerate(texts)]
    return {
        "id": "cmpl-1",
        "model": "davinci-002",
        "choices": choices,
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }


def test_texts_are_classified_by_the_default_model(client, scripted):
    """
    Without a model, the moderation model of the client's vendor is used.
    """
    scripted.reply(body=make_moderation_body(BAD), headers={"x-request-id": "req_1"})

    reply = client.moderate("I hate you.")

    (result,) = reply.results
    assert (reply.flagged, result.flagged, result.categories, result.scores) == (
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


def test_moderation_results_are_in_the_order_of_the_texts(client, scripted):
    """
    Each text is classified separately, by the chosen model.
    """
    scripted.reply(body=make_moderation_body(SAFE, BAD))

    reply = client.moderate(["a", "b"], model="openai/omni-moderation-latest", extra={"x": 1})

    assert [result.flagged for result in reply.results] == [False, True]
    assert scripted.sent() == {"model": "omni-moderation-latest", "input": ["a", "b"], "x": 1}


def test_responses_are_flagged_by_any_result():
    """
    A response is flagged if one of its results is.
    """
    assert ModerationResponse(results=()).flagged is False


def test_moderations_are_retried(client, scripted, clock):
    """
    Moderations have attempts, delays and request ids like other calls.
    """
    scripted.reply(429, headers={"retry-after": "3"}).reply(
        body=make_moderation_body(SAFE), headers={"x-request-id": "req_2"}
    )

    reply = client.moderate("a")

    assert clock.slept == [3.0]
    assert [(attempt.error, attempt.request_id) for attempt in reply.attempts] == [
        ("RateLimitError", None),
        (None, "req_2"),
    ]
    assert reply.attempts[1].usage == Usage()


@pytest.mark.parametrize("contents", [[], [Message(role="user", parts=())]])
def test_empty_contents_are_refused(client, scripted, contents):
    """
    Nothing is sent, and the error says what to pass.
    """
    with pytest.raises(PromptError, match="nothing to classify"):
        client.moderate(contents)
    assert scripted.calls == []


@pytest.mark.parametrize(
    "content", [7, {"role": "user"}, Message(role="assistant", parts=(ToolCallPart(id="1", name="a"),))]
)
def test_invalid_contents_are_refused(client, scripted, content):
    """
    Objects that are not texts or messages, and messages with other parts, are errors.
    """
    with pytest.raises(PromptError):
        client.moderate([content])
    assert scripted.calls == []


@pytest.mark.parametrize("body", [{}, {"results": [{}]}, {"results": [7]}, {"results": [SAFE, SAFE]}, [], "no"])
def test_unexpected_moderation_results_are_bad_responses(client, scripted, body):
    """
    An unexpected format is a `BadResponseError`.
    """
    scripted.reply(body=json.dumps(body))

    with pytest.raises(BadResponseError):
        client.moderate("a")


def test_providers_without_moderation_are_refused(scripted):
    """
    The error is raised before anything is sent.
    """
    with (
        Client("openrouter/x", api_key="k", transport=scripted, cache=False) as client,
        pytest.raises(UnsupportedError, match="does not support moderation"),
    ):
        client.moderate("a")
    assert scripted.calls == []


def test_completions_return_a_chat_response(client, scripted):
    """
    The response has text, finish reason, usage and adaptations.
    """
    scripted.reply(body=make_completion_body(" a time", " a king"))

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


def test_completions_report_adaptations(make_client, scripted):
    """
    The rules of the catalog apply to completions, too.
    """
    scripted.reply(body=make_completion_body("x"))

    reply = make_client("openai/base-1", settings=BASE).complete("a", temperature=0.5)

    assert [(adaptation.parameter, adaptation.action) for adaptation in reply.adaptations] == [
        ("temperature", "dropped")
    ]


def test_adaptations_of_completions_can_be_errors(make_client, scripted):
    """
    The option ``on_unsupported`` applies to completions.
    """
    with pytest.raises(UnsupportedError, match="temperature"):
        make_client("openai/base-1", settings=BASE).complete("a", temperature=0.5, on_unsupported="error")
    assert scripted.calls == []


@pytest.mark.parametrize("option", ["system", "tools", "schema", "files", "reasoning_effort"])
def test_options_of_chats_are_refused_for_completions(client, scripted, option):
    """
    The error names the option.
    """
    with pytest.raises(ConfigurationError, match=option):
        client.complete("a", model="openai/davinci-002", **{option: "x"})
    assert scripted.calls == []


@pytest.mark.parametrize("prompt", ["", "  "])
def test_empty_texts_are_not_completed(client, scripted, prompt):
    """
    Nothing is sent.
    """
    with pytest.raises(PromptError):
        client.complete(prompt, model="openai/davinci-002")
    assert scripted.calls == []


def test_errors_of_completions_are_raised(client, scripted):
    """
    The error has its class and the attempts.
    """
    scripted.reply(429, {"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}})

    with pytest.raises(RateLimitError) as caught:
        client.complete("a", model="openai/davinci-002", retries=0)
    assert len(caught.value.attempts) == 1


def test_providers_without_completions_are_refused(scripted):
    """
    The error is raised before anything is sent, with what to do instead.
    """
    settings = {
        "providers": {"mine": {"plugin": "openai-compatible", "base_url": "http://x/v1", "lacks": ["completion"]}}
    }
    with Client("mine/m", settings=settings, transport=scripted, cache=False) as client:
        assert Capability.COMPLETION not in client.capabilities()
        with pytest.raises(UnsupportedError, match=r"client\.ask"):
            client.complete("a")
    assert scripted.calls == []


def test_local_models_have_no_such_services(scripted):
    """
    The offline provider supports neither moderation nor completion.
    """
    with Client("offline/reader", transport=scripted, cache=False) as client:
        with pytest.raises(UnsupportedError, match="does not support moderation"):
            client.moderate("a")
        with pytest.raises(UnsupportedError, match="plain completions"):
            client.complete("a")


def test_the_async_client_moderates_and_completes(async_client, scripted):
    """
    Moderations and completions are coroutines of the async client.
    """

    async def run_scenario():
        async with async_client as client:
            moderation = await client.moderate(Message.user("a", ImagePart(url="https://x/y")))
            completed = await client.complete("Once upon", model="openai/davinci-002")
        return moderation.flagged, completed.text

    scripted.reply(body=make_moderation_body(BAD)).reply(body=make_completion_body(" a time"))

    assert asyncio.run(run_scenario()) == (True, " a time")


def test_chat_replies_to_completions_are_decoded(client, scripted):
    """
    Some servers reply to completions in the format of chats.
    """
    scripted.reply(body=chat_reply(" a time"))

    assert client.complete("Once upon", model="openai/davinci-002").text == " a time"


def make_completion_chunks(*texts):
    """
    Make the chunks of a streamed completion.
    """
    chunks = [{"id": "cmpl-1", "model": "davinci-002", "choices": [{"text": text, "index": 0}]} for text in texts]
    chunks.append({"id": "cmpl-1", "choices": [{"text": "", "index": 0, "finish_reason": "stop"}]})
    return chunks


def test_completions_are_streamed(client, scripted):
    """
    The text arrives in chunks, and the response is complete at the end.
    """
    scripted.reply(200, chunks=sse(*make_completion_chunks("Once", " upon")))

    with client.stream_completion("Tell", model="openai/davinci-002", max_tokens=5) as stream:
        deltas = list(stream.text_deltas())

    assert deltas == ["Once", " upon"]
    assert (stream.response.text, stream.response.finish_reason, stream.response.provider) == (
        "Once upon",
        "stop",
        "openai",
    )
    assert (scripted.sent()["prompt"], scripted.sent()["stream"]) == ("Tell", True)


def test_completions_are_streamed_by_the_async_client(make_async_client, scripted):
    """
    The async client streams completions.
    """
    scripted.reply(200, chunks=sse(*make_completion_chunks("Once")))

    async def run():
        async with (
            make_async_client() as client,
            client.stream_completion("Tell", model="openai/davinci-002") as stream,
        ):
            return [piece async for piece in stream.text_deltas()]

    assert asyncio.run(run()) == ["Once"]
