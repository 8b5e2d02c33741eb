from __future__ import annotations

import json

import pytest

from budwood.types import HTTPReply, ReasoningPart, ReplyHead, VendorPart
from tests.contract import naive, recorded
from tests.contract import naive_anthropic as reader
from tests.contract.replay import REQUEST, build, decode_stream, is_stream, parse_head, split

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}

NOT_COMPARED = ("type", "role", "index", "caller", "input")
"""
Fields that are not compared: types and positions, the caller of a tool if it is the model, and a tool's input, which is
compared separately.
"""


def is_message(entry):
    """
    Return whether an exchange is a message.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/v1/messages")


def is_answered(entry):
    """
    Return whether an exchange is a message with a reply.
    """
    return is_message(entry) and entry["status"] == 200


def is_count(entry):
    """
    Return whether an exchange is a token count.
    """
    return recorded.ends_with(entry["url"], "/v1/messages/count_tokens") and entry["status"] == 200


def is_error(entry):
    """
    Return whether an exchange is a message or token count with an error.
    """
    return entry["status"] >= 400 and "/v1/messages" in entry["url"]


def make_reading(response):
    """
    Convert a response to what the naive reader returns for the same reply.
    """
    parts = response.message.parts
    thoughts = [part for part in parts if isinstance(part, ReasoningPart)]
    return reader.Reading(
        text=response.text,
        thoughts=[(part.text, part.data.get("signature", part.data.get("data"))) for part in thoughts],
        calls=[(call.id, call.name, call.parse_arguments()) for call in response.tool_calls],
        others=[part.data for part in parts if isinstance(part, VendorPart)],
        finish=response.raw_finish_reason,
        usage=response.usage.raw,
    )


def assert_same(response, message):
    """
    Compare a response with the JSON of its message.
    """
    reading = reader.read_message(message)
    assert make_reading(response) == reading
    assert response.finish_reason == FINISH[reading.finish]
    assert (response.id, response.model) == (message["id"], message["model"])
    assert_same_usage(response.usage, message["usage"])
    retained = naive.list_leaves(response.model_dump(exclude={"raw"}))
    assert naive.list_leaves(naive.remove_fields(message, *NOT_COMPARED)) <= retained
    callers = [block["caller"] for block in message["content"] if block.get("caller")]
    assert naive.list_leaves([caller for caller in callers if caller != {"type": "direct"}]) <= retained


def assert_same_usage(usage, payload):
    """
    Compare usage with the vendor's counts, whose input excludes the cache.
    """
    cached = [payload.get(name) for name in ("cache_read_input_tokens", "cache_creation_input_tokens")]
    assert usage.input_tokens == payload["input_tokens"] + sum(count or 0 for count in cached)
    assert [usage.cache_read_tokens, usage.cache_write_tokens] == cached
    assert usage.uncached_input_tokens == payload["input_tokens"]
    assert usage.output_tokens == payload["output_tokens"]
    assert usage.reasoning_tokens == (payload.get("output_tokens_details") or {}).get("thinking_tokens")


def assert_stream(claude, head, body):
    """
    Decode a stream, compare it with the JSON of its events, and check that no split changes the events.
    """
    events = decode_stream(claude.decoder(REQUEST, head), [body])
    assert_same(build(events), reader.read_stream(reader.split_events(body)))
    for seed in range(3):
        assert decode_stream(claude.decoder(REQUEST, head), split(body, seed)) == events


def assert_reply(claude, head, body):
    """
    Decode a complete reply and compare it with its JSON.
    """
    assert_same(claude.decode(REQUEST, HTTPReply(head, body)), json.loads(body))


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_replies(ledger, claude, file):
    """
    A decoded reply equals the naive reading, loses no value, and does not depend on how a stream is split.
    """
    for one in recorded.select_exchanges(file, is_answered):
        check = assert_stream if is_stream(one.response) else assert_reply
        check(claude, parse_head(one.response), one.response.body)
        ledger.record_decoded(one)


@pytest.mark.parametrize("path", recorded.list_fixtures("anthropic", suffix=".json"))
def test_recorded_bodies(ledger, claude, path):
    """
    Bodies that were recorded without their requests are decoded.
    """
    assert_reply(claude, ReplyHead(200, {}), path.read_bytes())
    ledger.record_decoded(path)


@pytest.mark.parametrize("path", recorded.list_fixtures("anthropic", suffix=".chunks.txt"))
def test_recorded_streams(ledger, claude, path):
    """
    Streams that were recorded without their requests are decoded, including one that starts twice.
    """
    for body in reader.read_streams(path):
        assert_stream(claude, ReplyHead(200, {}), body)
    ledger.record_decoded(path)


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_headers_are_parsed(shared_folder, claude, file):
    """
    Request id and rate limits are decoded from the headers.
    """
    for one in recorded.select_exchanges(file, is_answered):
        head = parse_head(one.response)
        limits = claude.rate_limits(head)
        header = head.headers.get("anthropic-ratelimit-requests-remaining", "")
        if header.isdigit():
            assert limits.remaining_requests == int(header)
            assert limits.reset_requests >= 0
        header = head.headers.get("anthropic-ratelimit-tokens-limit", "")
        if header.isdigit():
            assert limits.limit_tokens == int(header)
        if not is_stream(one.response):
            response = claude.decode(REQUEST, HTTPReply(head, one.response.body))
            assert response.request_id == head.headers.get("request-id")


@pytest.mark.parametrize("file", recorded.list_files(is_error))
def test_recorded_errors(ledger, claude, file):
    """
    A recorded error has the vendor's message and status, its type as the code, and the request id.
    """
    for one in recorded.select_exchanges(file, is_error):
        payload = one.response.json()
        error = claude.error(HTTPReply(parse_head(one.response), one.response.body))
        assert (error.status, error.code) == (one.response.status, payload["error"]["type"])
        assert payload["error"]["message"] in str(error)
        assert error.request_id == parse_head(one.response).headers.get("request-id", payload.get("request_id"))
        assert not error.retryable
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_count))
def test_recorded_counts_are_decoded(ledger, claude, file):
    """
    A recorded token count is decoded unchanged.
    """
    for one in recorded.select_exchanges(file, is_count):
        reply = HTTPReply(parse_head(one.response), one.response.body)
        assert claude.decode_token_count(REQUEST, reply) == one.response.json()["input_tokens"]
        ledger.record_decoded(one)
