from __future__ import annotations

import base64
import json

import pytest

from budwood.types import (
    HTTPReply,
    ImagePart,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    ReplyHead,
    TextDelta,
    VendorPart,
)
from tests.contract import naive, recorded
from tests.contract import naive_responses as reader
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


def is_response(entry):
    """
    Return whether an exchange is one of Responses.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/responses")


def is_answered(entry):
    """
    Return whether an exchange is a response with status 200.
    """
    return is_response(entry) and entry["status"] == 200


def is_error(entry):
    """
    Return whether an exchange is a response with an error.
    """
    return is_response(entry) and entry["status"] >= 400


def is_count(entry):
    """
    Return whether an exchange is a token count.
    """
    return recorded.ends_with(entry["url"], "/responses/input_tokens")


def assert_same(response, reading):
    """
    Compare a response with the naive reading.
    """
    parts = response.message.parts
    assert response.text == reading.text
    assert "".join(part.text for part in parts if isinstance(part, RefusalPart)) == reading.refusal
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == reading.calls
    assert [part.data for part in parts if isinstance(part, ReasoningPart)] == reading.reasoning
    assert [read_other(part) for part in parts if isinstance(part, VendorPart | ImagePart)] == reading.others
    assert response.raw_finish_reason == reading.finish
    assert response.finish_reason == reader.expected_finish(reading)


def read_other(part):
    """
    Return the item of a part; that of an image has its content in base64.
    """
    if isinstance(part, VendorPart):
        return part.data
    return {**part.vendor_data, "result": base64.b64encode(part.data).decode()}


def assert_same_usage(usage, payload):
    """
    Compare usage with the vendor's counts; counts that are not reported are None, not 0.
    """
    if payload is None:
        assert usage.raw is None
        return
    input_details, output_details = (
        payload.get("input_tokens_details") or {},
        payload.get("output_tokens_details") or {},
    )
    assert usage.raw == payload
    assert (usage.input_tokens, usage.output_tokens) == (payload["input_tokens"], payload["output_tokens"])
    assert usage.total_tokens == payload["total_tokens"]
    assert (usage.cache_read_tokens, usage.reasoning_tokens) == (
        input_details.get("cached_tokens"),
        output_details.get("reasoning_tokens"),
    )


def assert_nothing_lost(response, items, body):
    """
    Check that every value of the reply is in the response, except images, which `assert_same` compares.
    """
    retained = naive.list_leaves(response.model_dump(exclude={"raw"}))
    payload = {name: value for name, value in body.items() if name not in (*reader.ECHOES, "output")}
    assert naive.list_leaves(naive.remove_fields([*items, payload], *reader.NOT_COMPARED, "result")) - retained <= {""}


def assert_complete_reply(responses_provider, head, body):
    """
    Decode a reply, and compare it with its JSON.
    """
    response = responses_provider.decode(REQUEST, HTTPReply(head, body))
    payload = json.loads(body)
    assert_same(response, reader.read_reply(payload))
    assert_same_usage(response.usage, payload.get("usage"))
    assert_nothing_lost(response, payload["output"], payload)
    assert (response.id, response.model) == (payload["id"], payload["model"])


def assert_stream(responses_provider, head, body):
    """
    Decode a stream, and compare it with the JSON of its events.
    """
    events = decode_stream(responses_provider.decoder(REQUEST, head), [body])
    response = build(events)
    reading, items, last = reader.read_stream(naive.split_chunks(body))
    assert_same(response, reading)
    assert_same_usage(response.usage, last.get("usage"))
    assert_nothing_lost(response, items, {name: last[name] for name in last if name != "id"})
    return events


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_responses(ledger, responses_provider, file):
    """
    A decoded response equals the naive reading, complete or streamed, and loses no value.
    """
    for one in recorded.select_exchanges(file, is_answered):
        check = assert_stream if is_stream(one.response) else assert_complete_reply
        check(responses_provider, parse_head(one.response), one.response.body)
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(lambda entry: is_answered(entry) and "stream" in entry["tags"]))
def test_recorded_streams_in_any_split(shared_folder, responses_provider, file):
    """
    The events of a stream do not depend on how the bytes are split.
    """
    for one in filter(lambda one: is_stream(one.response), recorded.select_exchanges(file, is_answered)):
        head, body = parse_head(one.response), one.response.body
        expected = decode_to_end(responses_provider.decoder(REQUEST, head), [body])
        for seed in range(3):
            assert decode_to_end(responses_provider.decoder(REQUEST, head), split(body, seed)) == expected


@pytest.mark.parametrize("file", recorded.list_files(lambda entry: is_answered(entry) and "stream" in entry["tags"]))
def test_recorded_deltas(shared_folder, responses_provider, file):
    """
    The deltas of text and refusals are those of the stream, and joined they are the text of the response.
    """
    for one in filter(lambda one: is_stream(one.response), recorded.select_exchanges(file, is_answered)):
        events = decode_stream(responses_provider.decoder(REQUEST, parse_head(one.response)), [one.response.body])
        payload = naive.split_chunks(one.response.body)
        streamed_text = "".join(event.text for event in events if isinstance(event, TextDelta))
        assert streamed_text == reader.join_deltas(payload, "output_text") == build(events).text
        refused = "".join(event.text for event in events if isinstance(event, RefusalDelta))
        assert refused == reader.join_deltas(payload, "refusal")


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_items_are_returned_unchanged(shared_folder, responses_provider, file):
    """
    The items of a response are encoded in the next request unchanged, except for null.
    """
    for one in recorded.select_exchanges(file, is_answered):
        head, body = parse_head(one.response), one.response.body
        if is_stream(one.response):
            response = build(decode_stream(responses_provider.decoder(REQUEST, head), [body]))
            _, items, _ = reader.read_stream(naive.split_chunks(body))
        else:
            response = responses_provider.decode(REQUEST, HTTPReply(head, body))
            items = json.loads(body)["output"]
        request = REQUEST.model_copy(update={"messages": (*REQUEST.messages, response.message)})
        sent = json.loads(responses_provider.encode(request, stream=False).body)["input"][1:]
        assert list(map(remove_nulls, sent)) == list(map(remove_nulls, items))


def remove_nulls(value):
    """
    Remove null at any depth.
    """
    if isinstance(value, dict):
        return {name: remove_nulls(inner) for name, inner in value.items() if inner is not None}
    return list(map(remove_nulls, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("path", recorded.list_fixtures("openai-responses", "azure", suffix=".chunks.txt"))
def test_recorded_chunks(ledger, responses_provider, path):
    """
    Events that were recorded one in each line are decoded as streams.

    Some lack deltas, so the items have the complete content.
    """
    for lines in reader.read_streams(path.read_bytes().splitlines()):
        assert_stream(responses_provider, ReplyHead(200, {}), b"".join(b"data: " + line + b"\n\n" for line in lines))
    ledger.record_decoded(path)


@pytest.mark.parametrize("path", recorded.list_fixtures("openai-responses", "azure", suffix=".json"))
def test_recorded_bodies(ledger, responses_provider, path):
    """
    Bodies that were recorded without their requests are decoded.
    """
    assert_complete_reply(responses_provider, ReplyHead(200, {}), path.read_bytes())
    ledger.record_decoded(path)


@pytest.mark.parametrize("file", recorded.list_files(is_error))
def test_recorded_errors(ledger, responses_provider, file):
    """
    A recorded error has the vendor's message, code and parameter, and is not retryable.
    """
    for one in recorded.select_exchanges(file, is_error):
        error = responses_provider.error(HTTPReply(parse_head(one.response), one.response.body))
        assert (error.status, error.retryable) == (one.response.status, False)
        assert_quotes(error, one.response)
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_count))
def test_recorded_token_counts(ledger, responses_provider, file):
    """
    A token count equals the number of the vendor.
    """
    for one in recorded.select_exchanges(file, is_count):
        count = responses_provider.decode_token_count(REQUEST, HTTPReply(parse_head(one.response), one.response.body))
        assert count == one.response.json()["input_tokens"]
        ledger.record_decoded(one)
