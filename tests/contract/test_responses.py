from __future__ import annotations

import json

import pytest

from budwood.types import HTTPReply, ReasoningPart, RefusalDelta, RefusalPart, ReplyHead, TextDelta, VendorPart
from tests.contract import naive, recorded
from tests.contract import naive_responses as reader
from tests.contract.replay import REQUEST, assert_says, built, cut, is_stream, parse_head, play, played_out


def is_response(entry):
    """
    Whether an interaction asks for a response.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/responses")


def is_answered(entry):
    """
    Whether an interaction is a response that was given.
    """
    return is_response(entry) and entry["status"] == 200


def is_refused(entry):
    """
    Whether an interaction asked for a response that was refused.
    """
    return is_response(entry) and entry["status"] >= 400


def is_count(entry):
    """
    Whether an interaction counts tokens.
    """
    return recorded.ends_with(entry["url"], "/responses/input_tokens")


def assert_same(response, reading):
    """
    Compare the response with the naive reading.
    """
    parts = response.message.parts
    assert response.text == reading.text
    assert "".join(part.text for part in parts if isinstance(part, RefusalPart)) == reading.refusal
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == reading.calls
    assert [part.data for part in parts if isinstance(part, ReasoningPart)] == reading.reasoning
    assert [part.data for part in parts if isinstance(part, VendorPart)] == reading.others
    assert response.raw_finish_reason == reading.finish
    assert response.finish_reason == reader.expected_finish(reading)


def assert_same_usage(usage, said):
    """
    Compare usage with the vendor's own numbers; what it does not say is unknown, not 0.
    """
    if said is None:
        assert usage.raw is None
        return
    read, written = said.get("input_tokens_details") or {}, said.get("output_tokens_details") or {}
    assert usage.raw == said
    assert (usage.input_tokens, usage.output_tokens) == (said["input_tokens"], said["output_tokens"])
    assert usage.total_tokens == said["total_tokens"]
    assert (usage.cache_read_tokens, usage.reasoning_tokens) == (
        read.get("cached_tokens"),
        written.get("reasoning_tokens"),
    )


def assert_nothing_lost(response, items, body):
    """
    Find every value of the reply again.
    """
    kept = naive.leaves(response.model_dump(exclude={"raw"}))
    said = {name: value for name, value in body.items() if name not in (*reader.ECHOES, "output")}
    assert naive.leaves(naive.without([*items, said], *reader.SAID_OTHERWISE)) - kept <= {""}


def assert_whole_reply(speaker, head, body):
    """
    Decode a reply and compare it with its JSON.
    """
    response = speaker.decode(REQUEST, HTTPReply(head, body))
    said = json.loads(body)
    assert_same(response, reader.read_reply(said))
    assert_same_usage(response.usage, said.get("usage"))
    assert_nothing_lost(response, said["output"], said)
    assert (response.id, response.model) == (said["id"], said["model"])


def assert_stream(speaker, head, body):
    """
    Decode a stream and compare it with the JSON of its events.
    """
    events = play(speaker.decoder(REQUEST, head), [body])
    response = built(events)
    reading, items, last = reader.read_stream(naive.chunks_of(body))
    assert_same(response, reading)
    assert_same_usage(response.usage, last.get("usage"))
    assert_nothing_lost(response, items, {name: last[name] for name in last if name != "id"})
    return events


@pytest.mark.parametrize("file", recorded.files(is_answered))
def test_recorded_responses_lose_nothing(ledger, speaker, file):
    """
    A recorded response, whole or streamed, decodes into what a naive reading of its JSON finds, and no value is lost.
    """
    for one in recorded.of(file, is_answered):
        check = assert_stream if is_stream(one.response) else assert_whole_reply
        check(speaker, parse_head(one.response), one.response.body)
        ledger.has_decoded(one)


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_answered(entry) and "stream" in entry["tags"]))
def test_recorded_streams_may_be_cut_anywhere(shared_folder, speaker, file):
    """
    However the bytes of a recorded stream arrive, the events are the same.
    """
    for one in filter(lambda one: is_stream(one.response), recorded.of(file, is_answered)):
        head, body = parse_head(one.response), one.response.body
        whole = played_out(speaker.decoder(REQUEST, head), [body])
        for seed in range(3):
            assert played_out(speaker.decoder(REQUEST, head), cut(body, seed)) == whole


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_answered(entry) and "stream" in entry["tags"]))
def test_recorded_deltas_are_told_as_they_come(shared_folder, speaker, file):
    """
    The deltas of text and of refusals are those of the stream, and together they are the text of the response.
    """
    for one in filter(lambda one: is_stream(one.response), recorded.of(file, is_answered)):
        events = play(speaker.decoder(REQUEST, parse_head(one.response)), [one.response.body])
        said = naive.chunks_of(one.response.body)
        told = "".join(event.text for event in events if isinstance(event, TextDelta))
        assert told == reader.deltas(said, "output_text") == built(events).text
        refused = "".join(event.text for event in events if isinstance(event, RefusalDelta))
        assert refused == reader.deltas(said, "refusal")


@pytest.mark.parametrize("file", recorded.files(is_answered))
def test_a_recorded_response_goes_back_as_it_came(shared_folder, speaker, file):
    """
    The items of a response, whole or streamed, are written into the next request unchanged but for what is null.
    """
    for one in recorded.of(file, is_answered):
        head, body = parse_head(one.response), one.response.body
        if is_stream(one.response):
            response = built(play(speaker.decoder(REQUEST, head), [body]))
            _, items, _ = reader.read_stream(naive.chunks_of(body))
        else:
            response = speaker.decode(REQUEST, HTTPReply(head, body))
            items = json.loads(body)["output"]
        again = REQUEST.model_copy(update={"messages": (*REQUEST.messages, response.message)})
        sent = json.loads(speaker.encode(again, stream=False).body)["input"][1:]
        assert list(map(without_nulls, sent)) == list(map(without_nulls, items))


def without_nulls(value):
    """
    Leave null out, at any depth.
    """
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return list(map(without_nulls, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("path", recorded.fixtures("openai-responses", "azure", suffix=".chunks.txt"))
def test_recorded_chunks_lose_nothing(ledger, speaker, path):
    """
    Events that were recorded one a line decode as the streams that they were.

    In some of these deltas were left out: the items that end them tell the whole.
    """
    for lines in reader.streams_of(path.read_bytes().splitlines()):
        assert_stream(speaker, ReplyHead(200, {}), b"".join(b"data: " + line + b"\n\n" for line in lines))
    ledger.has_decoded(path)


@pytest.mark.parametrize("path", recorded.fixtures("openai-responses", "azure", suffix=".json"))
def test_recorded_bodies_lose_nothing(ledger, speaker, path):
    """
    Bodies that were recorded without their requests decode like all others.
    """
    assert_whole_reply(speaker, ReplyHead(200, {}), path.read_bytes())
    ledger.has_decoded(path)


@pytest.mark.parametrize("file", recorded.files(is_refused))
def test_recorded_errors_say_what_the_vendor_said(ledger, speaker, file):
    """
    A recorded error has the vendor's words, code and parameter; asking again would not help.
    """
    for one in recorded.of(file, is_refused):
        error = speaker.error(HTTPReply(parse_head(one.response), one.response.body))
        assert (error.status, error.retryable) == (one.response.status, False)
        assert_says(error, one.response)
        ledger.has_decoded(one)


@pytest.mark.parametrize("file", recorded.files(is_count))
def test_recorded_counts_of_tokens_are_read(ledger, speaker, file):
    """
    The count is the number that the vendor gave.
    """
    for one in recorded.of(file, is_count):
        count = speaker.decode_token_count(REQUEST, HTTPReply(parse_head(one.response), one.response.body))
        assert count == one.response.json()["input_tokens"]
        ledger.has_decoded(one)
