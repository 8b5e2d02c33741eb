from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from budwood.types import EmbeddingRequest, HTTPReply, ReplyHead, VendorPart
from budwood_gemini.content import encode_contents
from tests.contract import naive, naive_gemini, recorded
from tests.contract.replay import REQUEST, build, parse_head, play, split

FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}

SAID_OTHERWISE = ("text", "role", "index", "args", "partialArgs")
"""What need not be found as a value of its own: what is joined, and numbers that become positions."""

OF_ONE_TEXT = {
    "embeds_an_image_alongside_text": "embeds an image, and our requests hold texts alone",
    "embed_content": "makes one vector of several texts, and we make one of each",
}
"""Recorded requests for embeddings that have no like here, and why; their replies are read like all others."""


def is_generation(entry):
    """
    Return whether an interaction is a chat, streamed or not.
    """
    return entry["url"].partition("?")[0].endswith(("enerateContent",))


def is_answered(entry):
    """
    Whether a chat was answered.
    """
    return is_generation(entry) and entry["status"] == 200


def is_embedding(entry):
    """
    Whether an interaction is an embedding.
    """
    return recorded.ends_with(entry["url"], "mbedContents")


def is_count(entry):
    """
    Whether an interaction counts tokens.
    """
    return recorded.ends_with(entry["url"], ":countTokens")


def model_of(one):
    """
    Find the model in the address.
    """
    return urlsplit(one.request.url).path.rpartition("/")[2].partition(":")[0]


def is_stream(one):
    """
    Return whether an interaction is streamed.
    """
    return urlsplit(one.request.url).path.endswith(":streamGenerateContent")


def signatures_of(message):
    """
    List the signatures in a message, in order.
    """
    retained = [part.data for part in message.parts if getattr(part, "provider", None) == "gemini"]
    return [data["thoughtSignature"] for data in retained if data and "thoughtSignature" in data]


def reading_of(message, finish):
    """
    Convert a message to what the naive reader returns for the same candidate.
    """
    vendor = [part for part in message.parts if isinstance(part, VendorPart)]
    return naive_gemini.Reading(
        text=message.text,
        thoughts="".join(part.text for part in message.parts if part.type == "reasoning"),
        calls=[(call.name, call.parse_arguments()) for call in message.tool_calls],
        others=[part.data for part in vendor if part.kind not in naive_gemini.ABOUT_THE_REPLY],
        signatures=signatures_of(message),
        about=[part.data for part in vendor if part.kind in naive_gemini.ABOUT_THE_REPLY],
        finish=finish,
    )


def assert_lost_nothing(response, chunks):
    """
    Compare a response with a naive reading of its JSON.
    """
    first, *others = naive_gemini.read(chunks)
    assert reading_of(response.message, response.raw_finish_reason) == first
    assert len(response.alternatives) == len(others)
    called = first.calls and first.finish == "STOP"
    assert response.finish_reason == ("tool_calls" if called else FINISH[first.finish])
    assert response.id == chunks[0]["responseId"]
    assert response.model == chunks[0]["modelVersion"]
    assert len({call.id for call in response.tool_calls}) == len(response.tool_calls)
    retained = naive.leaves(response.model_dump(exclude={"raw"}))
    assert naive.leaves([naive.without(chunk, "usageMetadata", *SAID_OTHERWISE) for chunk in chunks]) <= retained
    assert_same_usage(response.usage, naive_gemini.usage_of(chunks))


def assert_same_usage(usage, payload):
    """
    Compare usage with the vendor's counts: the total is the sum of ours, and missing counts are unknown.
    """
    assert usage.raw == payload
    assert usage.total_tokens == payload["totalTokenCount"]
    assert usage.input_tokens == payload["promptTokenCount"] + payload.get("toolUsePromptTokenCount", 0)
    assert usage.cache_read_tokens == payload.get("cachedContentTokenCount")
    assert usage.reasoning_tokens == payload.get("thoughtsTokenCount")


def assert_is_sent_back(response, chunks, *, streamed):
    """
    Encode the message in the next request, and compare its content, including signatures.
    """
    written = encode_contents([response.message], signed=True)
    parts = written[0]["parts"] if written else []
    payload = naive_gemini.parts_of(chunks, streamed=streamed)
    if any("partialArgs" in part.get("functionCall", {}) for part in payload):
        return  # it goes back whole; its arguments were compared already
    for part in payload:
        if "functionCall" in part:
            part["functionCall"].setdefault("args", {})
    assert parts == payload


@pytest.mark.parametrize("file", recorded.files(is_answered))
def test_recorded_replies_lose_nothing(ledger, gemini, file):
    """
    A recorded reply decodes to the content of its JSON, and its message is sent back unchanged.
    """
    for one in recorded.of(file, is_answered):
        head, body = parse_head(one.response), one.response.body
        chunks = naive_gemini.chunks_of(body)
        if is_stream(one):
            response = build(play(gemini().decoder(REQUEST, head), [body]))
        else:
            response = gemini().decode(REQUEST, HTTPReply(head, body))
        assert_lost_nothing(response, chunks)
        assert_is_sent_back(response, naive_gemini.chunks_of(body), streamed=is_stream(one))
        ledger.has_decoded(one)


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_answered(entry) and "stream" in entry["tags"]))
def test_recorded_streams_may_be_cut_anywhere(gemini, file):
    """
    However the bytes of a recorded stream arrive, the events are the same.
    """
    for one in filter(is_stream, recorded.of(file, is_answered)):
        head, body = parse_head(one.response), one.response.body
        expected = play(gemini().decoder(REQUEST, head), [body])
        for seed in range(3):
            assert play(gemini().decoder(REQUEST, head), split(body, seed)) == expected


@pytest.mark.parametrize("path", recorded.fixtures("gemini", suffix=".chunks.txt"))
def test_recorded_chunks_lose_nothing(ledger, gemini, path):
    """
    Chunks recorded one per line decode as a stream, including partial arguments.
    """
    head, lines = ReplyHead(200, {}), path.read_bytes().splitlines()
    body = b"".join(b"data: " + line + b"\r\n\r\n" for line in lines if line)
    expected = play(gemini().decoder(REQUEST, head), [body])
    assert_lost_nothing(build(expected), naive_gemini.chunks_of(body))
    assert_is_sent_back(build(expected), naive_gemini.chunks_of(body), streamed=True)
    assert play(gemini().decoder(REQUEST, head), split(body, 0)) == expected
    ledger.has_decoded(path)


@pytest.mark.parametrize("path", recorded.fixtures("gemini", suffix=".json"))
def test_recorded_bodies_lose_nothing(ledger, gemini, path):
    """
    Bodies that were recorded without their requests decode like all others.
    """
    body = path.read_bytes()
    response = gemini().decode(REQUEST, HTTPReply(ReplyHead(200, {}), body))
    assert_lost_nothing(response, naive_gemini.chunks_of(body))
    assert_is_sent_back(response, naive_gemini.chunks_of(body), streamed=False)
    ledger.has_decoded(path)


def is_refused(entry):
    """
    Whether an interaction of an endpoint of ours was refused.
    """
    return entry["status"] >= 400 and (is_generation(entry) or is_count(entry))


@pytest.mark.parametrize("file", recorded.files(is_refused))
def test_recorded_errors_have_the_vendors_message(ledger, gemini, file):
    """
    The code is the vendor's reason, and the delay the one in the body.
    """
    for one in recorded.of(file, is_refused):
        error = gemini().error(HTTPReply(parse_head(one.response), one.response.body))
        payload = naive_gemini.chunks_of(one.response.body)[0]["error"]
        reasons = [detail["reason"] for detail in payload.get("details", []) if "reason" in detail]
        delays = [detail["retryDelay"] for detail in payload.get("details", []) if "retryDelay" in detail]
        assert error.status == one.response.status
        assert error.code == (reasons[0] if reasons else payload["status"])
        assert " ".join(payload["message"].split())[:400] in str(error)
        assert error.retryable == (payload["code"] == 429)
        assert error.retry_after == (float(delays[0].removesuffix("s")) if delays else None)
        ledger.has_decoded(one)


@pytest.mark.parametrize("file", recorded.files(is_generation))
def test_recorded_requests_are_encoded_again(ledger, gemini, file):
    """
    A recorded request that is converted to ours is encoded as it was, except for the differences in `naive_gemini`.
    """
    for one in recorded.of(file, is_generation):
        payload = one.request.json()
        request, settings = naive_gemini.read_request(model_of(one), payload)
        call = gemini(**settings).encode(request, stream=is_stream(one))
        assert naive_gemini.canonical(json.loads(call.body)) == naive_gemini.canonical(payload)
        assert call.adaptations == ()
        assert urlsplit(call.url).path == urlsplit(one.request.url).path
        ledger.has_written(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.files(is_embedding))
def test_recorded_embeddings(ledger, gemini, file):
    """
    Recorded vectors are read as they are, and their requests written again; one text goes by an endpoint of its own.
    """
    for one in recorded.of(file, is_embedding):
        rows, payload = one.request.json()["requests"], one.response.json()
        texts = tuple(row["content"]["parts"][0].get("text", "") for row in rows)
        extra = {name: value for name, value in rows[0].items() if name == "taskType"}
        dimensions = rows[0].get("outputDimensionality")
        request = EmbeddingRequest(model=model_of(one), texts=texts, dimensions=dimensions, extra=extra)
        response = gemini().decode_embedding(request, HTTPReply(parse_head(one.response), one.response.body))
        assert [list(vector) for vector in response.vectors] == [row["values"] for row in payload["embeddings"]]
        assert response.usage.input_tokens == payload.get("usageMetadata", {}).get("promptTokenCount")
        ledger.has_decoded(one)
        unlike = next((OF_ONE_TEXT[name] for name in OF_ONE_TEXT if name in file), None)
        if unlike:
            ledger.cannot_say(one, unlike)
            continue
        body = json.loads(gemini().encode_embedding(request).body)
        written = body["requests"] if len(rows) > 1 else [body]
        assert written == [{"model": f"models/{request.model}", **naive.without(row, "role")} for row in rows]
        ledger.has_written(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.files(is_count))
def test_recorded_token_counts(ledger, gemini, file):
    """
    A recorded count is read, and its request written again, be it refused.
    """
    for one in recorded.of(file, is_count):
        asked = one.request.json()  # contents alone are the short form of a whole request
        payload = asked.get("generateContentRequest") or {"model": f"models/{model_of(one)}", **asked}
        request, _ = naive_gemini.read_request(model_of(one), payload)
        written = json.loads(gemini().encode_token_count(request).body)
        assert written == {"generateContentRequest": payload}
        ledger.has_written(one, extra=request.extra)
        if one.response.status == 200:
            reply = HTTPReply(parse_head(one.response), one.response.body)
            assert gemini().decode_token_count(request, reply) == one.response.json()["totalTokens"]
            ledger.has_decoded(one)
