from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from budwood.types import ChatRequest, HTTPReply, Message
from tests.contract import naive, recorded
from tests.contract.ledger import REJECTED_BY_BOTH
from tests.contract.replay import (
    REQUEST,
    assert_quotes,
    build,
    decode_stream,
    decode_to_end,
    is_stream,
    parse_head,
    split,
)

PLAIN = ("temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty")
"""Parameters with the same name and value in `ChatRequest`."""

VENDOR_PARAMETERS = ("best_of", "echo", "logit_bias", "logprobs", "n", "suffix", "user")
"""Parameters of this API, passed as ``extra``."""

FOLDER = "openai-completions"

NOT_COMPARED = ("object", "created", "index")


def is_completion(entry):
    """
    Return whether an exchange is a completion.
    """
    return recorded.ends_with(entry["url"], "/completions") and "chat/completions" not in entry["url"]


def is_answered(entry):
    """
    Return whether an exchange is a completion with a reply.
    """
    return is_completion(entry) and entry["status"] == 200


def is_error(entry):
    """
    Return whether an exchange is a completion with an error.
    """
    return is_completion(entry) and entry["status"] >= 400


@pytest.fixture
def openai_provider(openai):
    """
    OpenAI's provider.
    """
    return openai()


def read_reply(choices):
    """
    Read the texts and finish reasons of the choices, complete or streamed.
    """
    readings = {}
    for choice in choices:
        text, finish = readings.get(choice["index"], ("", None))
        readings[choice["index"]] = (text + choice["text"], choice["finish_reason"] or finish)
    return [readings[number] for number in sorted(readings)]


def read_request(body):
    """
    Convert a recorded body. Several prompts, and prompts of tokens, go into ``extra``.
    """
    prompt = body["prompt"][0] if body["prompt"] and len(body["prompt"]) == 1 else body["prompt"]
    extra = {name: body[name] for name in VENDOR_PARAMETERS if body.get(name) is not None}
    if not isinstance(prompt, str):
        extra["prompt"] = prompt
    stop = body.get("stop") or ()
    return ChatRequest(
        model=body["model"],
        messages=(Message.user(prompt if isinstance(prompt, str) else ""),),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        extra=extra,
        **{name: body[name] for name in PLAIN if body.get(name) is not None},
    )


def canonicalize(body):
    """
    Return a body in a form in which equal requests are equal: one prompt is a text, and usage is always requested.
    """
    body = {name: value for name, value in body.items() if value is not None and name != "stream_options"}
    if isinstance(body["prompt"], list) and len(body["prompt"]) == 1:
        (body["prompt"],) = body["prompt"]
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    return {name: value for name, value in body.items() if (name, value) not in (("stream", False), ("stop", []))}


@pytest.mark.parametrize("file", recorded.list_files(is_answered, FOLDER))
def test_recorded_completions(ledger, openai_provider, file):
    """
    Texts, finish reasons and usage equal the naive reading, and no value is lost.
    """
    for one in recorded.select_exchanges(file, is_answered):
        head, body = parse_head(one.response), one.response.body
        if is_stream(one.response):
            chunks = naive.split_chunks(body)
            choices = [choice for chunk in chunks for choice in chunk["choices"]]
            response = build(decode_stream(openai_provider.completion_decoder(REQUEST, head), [body]))
            usage = naive.find_last_usage(chunks)
        else:
            payload = json.loads(body)
            choices, usage = payload["choices"], payload["usage"]
            response = openai_provider.decode_completion(REQUEST, HTTPReply(head, body))
            retained = naive.list_leaves(response.model_dump(exclude={"raw"}))
            first = {**payload, "choices": payload["choices"][:1]}
            assert naive.list_leaves(naive.remove_fields(first, *NOT_COMPARED)) <= retained
        readings = read_reply(choices)
        assert [message.text for message in (response.message, *response.alternatives)] == [
            text for text, _ in readings
        ]
        assert response.raw_finish_reason == response.finish_reason == readings[0][1]
        if usage:
            assert (response.usage.input_tokens, response.usage.output_tokens) == (
                usage["prompt_tokens"],
                usage.get("completion_tokens"),
            )
        ledger.record_decoded(one)


@pytest.mark.parametrize(
    "file", recorded.list_files(lambda entry: is_answered(entry) and "stream" in entry["tags"], FOLDER)
)
def test_recorded_streams_in_any_split(openai_provider, file):
    """
    The events of a stream do not depend on how the bytes are split.
    """
    for one in filter(lambda one: is_stream(one.response), recorded.select_exchanges(file, is_answered)):
        head, body = parse_head(one.response), one.response.body
        expected = decode_to_end(openai_provider.completion_decoder(REQUEST, head), [body])
        for seed in range(3):
            assert decode_to_end(openai_provider.completion_decoder(REQUEST, head), split(body, seed)) == expected


@pytest.mark.parametrize("file", recorded.list_files(is_error, FOLDER))
def test_recorded_errors(ledger, openai_provider, file):
    """
    A recorded error has the vendor's message, code and parameter, and is not retryable.
    """
    for one in recorded.select_exchanges(file, is_error):
        error = openai_provider.error(HTTPReply(parse_head(one.response), one.response.body))
        assert (error.status, error.retryable) == (one.response.status, False)
        assert_quotes(error, one.response)
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_completion, FOLDER))
def test_recorded_requests(ledger, openai_provider, openai_schemas, file):
    """
    A converted request is encoded as recorded, and matches the description of the API.
    """
    for one in recorded.select_exchanges(file, is_completion):
        payload = one.request.json()
        try:
            request = read_request(payload)
        except ValidationError:
            assert one.response.status == 400
            ledger.record_inexpressible(one, REJECTED_BY_BOTH)
            continue
        call = openai_provider.encode_completion(request, stream=bool(payload.get("stream")))
        encoded = json.loads(call.body)
        assert call.url.endswith("/v1/completions")
        assert canonicalize(encoded) == canonicalize(payload)
        assert openai_schemas.problems("CreateCompletionRequest", encoded) == []
        ledger.record_encoded(one, extra=request.extra)
