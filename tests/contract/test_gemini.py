from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from budwood.types import EmbeddingRequest, HTTPReply, MediaPart, ReplyHead, VendorPart
from budwood_gemini.content import encode_contents
from tests.contract import naive, naive_gemini, recorded
from tests.contract.replay import REQUEST, build, decode_stream, parse_head, split

FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}

NOT_COMPARED = ("text", "role", "index", "args", "partialArgs", "data")
"""Fields that are not compared: joined texts and arguments, roles, positions, and media, compared as bytes."""

INEXPRESSIBLE_EMBEDDINGS = {
    "embeds_an_image_alongside_text": "embeds an image; `EmbeddingRequest` has only texts",
    "embed_content": "one vector of several texts; Budwood requests one for each text",
}
"""Requests for embeddings that cannot be expressed, with reasons; their replies are decoded."""


def is_generation(entry):
    """
    Return whether an exchange is a chat, complete or streamed. Speech is not: its samples become a WAV file.
    """
    is_chat = entry["url"].partition("?")[0].endswith((":generateContent", ":streamGenerateContent"))
    return is_chat and "speech" not in entry["tags"]


def is_answered(entry):
    """
    Return whether an exchange is a chat with a reply.
    """
    return is_generation(entry) and entry["status"] == 200


def is_embedding(entry):
    """
    Return whether an exchange is an embedding.
    """
    return recorded.ends_with(entry["url"], "mbedContents")


def is_count(entry):
    """
    Return whether an exchange is a token count.
    """
    return recorded.ends_with(entry["url"], ":countTokens")


def parse_model(one):
    """
    Return the model in the URL.
    """
    return urlsplit(one.request.url).path.rpartition("/")[2].partition(":")[0]


def is_stream(one):
    """
    Return whether an exchange is streamed.
    """
    return urlsplit(one.request.url).path.endswith(":streamGenerateContent")


def list_signatures(message):
    """
    List the signatures in a message, in order.
    """
    own = [part for part in message.parts if getattr(part, "provider", None) == "gemini"]
    retained = [part.vendor_data if isinstance(part, MediaPart) else part.data for part in own]
    return [data["thoughtSignature"] for data in retained if data and "thoughtSignature" in data]


def make_reading(message, finish):
    """
    Convert a message to what the naive reader returns for the same candidate.
    """
    vendor = [part for part in message.parts if isinstance(part, VendorPart)]
    return naive_gemini.Reading(
        text=message.text,
        thoughts="".join(part.text for part in message.parts if part.type == "reasoning"),
        calls=[(call.name, call.parse_arguments()) for call in message.tool_calls],
        others=[part.data for part in vendor if part.kind not in naive_gemini.ABOUT_THE_REPLY],
        signatures=list_signatures(message),
        about=[part.data for part in vendor if part.kind in naive_gemini.ABOUT_THE_REPLY],
        media=[(part.media_type, part.data) for part in message.media],
        finish=finish,
    )


def assert_nothing_lost(response, chunks):
    """
    Compare a response with a naive reading of its JSON.
    """
    first, *others = naive_gemini.read_reply(chunks)
    assert make_reading(response.message, response.raw_finish_reason) == first
    assert len(response.alternatives) == len(others)
    called = first.calls and first.finish == "STOP"
    assert response.finish_reason == ("tool_calls" if called else FINISH[first.finish])
    assert response.id == chunks[0]["responseId"]
    assert response.model == chunks[0]["modelVersion"]
    assert len({call.id for call in response.tool_calls}) == len(response.tool_calls)
    retained = naive.list_leaves(response.model_dump(exclude={"raw"}))
    assert (
        naive.list_leaves([naive.remove_fields(chunk, "usageMetadata", *NOT_COMPARED) for chunk in chunks]) <= retained
    )
    assert_same_usage(response.usage, naive_gemini.find_usage(chunks))


def assert_same_usage(usage, payload):
    """
    Compare usage with the vendor's counts: the total is the sum, and missing counts are None.
    """
    assert usage.raw == payload
    assert usage.total_tokens == payload["totalTokenCount"]
    assert usage.input_tokens == payload["promptTokenCount"] + payload.get("toolUsePromptTokenCount", 0)
    assert usage.cache_read_tokens == payload.get("cachedContentTokenCount")
    assert usage.reasoning_tokens == payload.get("thoughtsTokenCount")


def assert_is_returned(response, chunks, *, streamed):
    """
    Encode the message in the next request, and compare its content, including signatures.
    """
    encoded = encode_contents([response.message])
    parts = encoded[0]["parts"] if encoded else []
    payload = naive_gemini.list_parts(chunks, streamed=streamed)
    if any("partialArgs" in part.get("functionCall", {}) for part in payload):
        return  # arguments are sent complete, and were compared above
    for part in payload:
        if "functionCall" in part:
            part["functionCall"].setdefault("args", {})
    assert parts == payload


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_replies(ledger, gemini, file):
    """
    A decoded reply equals the naive reading, loses no value, and is returned unchanged.
    """
    for one in recorded.select_exchanges(file, is_answered):
        head, body = parse_head(one.response), one.response.body
        chunks = naive_gemini.split_chunks(body)
        if is_stream(one):
            response = build(decode_stream(gemini().decoder(REQUEST, head), [body]))
        else:
            response = gemini().decode(REQUEST, HTTPReply(head, body))
        images = naive_gemini.read_reply(chunks)[0].media
        assert [(image.media_type, image.data) for image in response.media] == images
        assert_nothing_lost(response, chunks)
        assert_is_returned(response, naive_gemini.split_chunks(body), streamed=is_stream(one))
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(lambda entry: is_answered(entry) and "stream" in entry["tags"]))
def test_recorded_streams_in_any_split(gemini, file):
    """
    The events of a stream do not depend on how the bytes are split.
    """
    for one in filter(is_stream, recorded.select_exchanges(file, is_answered)):
        head, body = parse_head(one.response), one.response.body
        expected = decode_stream(gemini().decoder(REQUEST, head), [body])
        for seed in range(3):
            assert decode_stream(gemini().decoder(REQUEST, head), split(body, seed)) == expected


@pytest.mark.parametrize("path", recorded.list_fixtures("gemini", suffix=".chunks.txt"))
def test_recorded_chunks(ledger, gemini, path):
    """
    Chunks that were recorded one in each line are decoded as a stream, including partial arguments.
    """
    head, lines = ReplyHead(200, {}), path.read_bytes().splitlines()
    body = b"".join(b"data: " + line + b"\r\n\r\n" for line in lines if line)
    expected = decode_stream(gemini().decoder(REQUEST, head), [body])
    assert_nothing_lost(build(expected), naive_gemini.split_chunks(body))
    assert_is_returned(build(expected), naive_gemini.split_chunks(body), streamed=True)
    assert decode_stream(gemini().decoder(REQUEST, head), split(body, 0)) == expected
    ledger.record_decoded(path)


@pytest.mark.parametrize("path", recorded.list_fixtures("gemini", suffix=".json"))
def test_recorded_bodies(ledger, gemini, path):
    """
    Bodies that were recorded without their requests are decoded.
    """
    body = path.read_bytes()
    response = gemini().decode(REQUEST, HTTPReply(ReplyHead(200, {}), body))
    assert_nothing_lost(response, naive_gemini.split_chunks(body))
    assert_is_returned(response, naive_gemini.split_chunks(body), streamed=False)
    ledger.record_decoded(path)


def is_error(entry):
    """
    Return whether an exchange is a chat or token count with an error.
    """
    return entry["status"] >= 400 and (is_generation(entry) or is_count(entry))


@pytest.mark.parametrize("file", recorded.list_files(is_error))
def test_recorded_errors(ledger, gemini, file):
    """
    A recorded error has the vendor's message, its reason as the code, and the delay of the body.
    """
    for one in recorded.select_exchanges(file, is_error):
        error = gemini().error(HTTPReply(parse_head(one.response), one.response.body))
        payload = naive_gemini.split_chunks(one.response.body)[0]["error"]
        reasons = [detail["reason"] for detail in payload.get("details", []) if "reason" in detail]
        delays = [detail["retryDelay"] for detail in payload.get("details", []) if "retryDelay" in detail]
        assert error.status == one.response.status
        assert error.code == (reasons[0] if reasons else payload["status"])
        assert " ".join(payload["message"].split())[:400] in str(error)
        assert error.retryable == (payload["code"] == 429)
        assert error.retry_after == (float(delays[0].removesuffix("s")) if delays else None)
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_generation))
def test_recorded_requests(ledger, gemini, file):
    """
    A converted request is encoded as recorded, except for the differences in `naive_gemini`.
    """
    for one in recorded.select_exchanges(file, is_generation):
        payload = one.request.json()
        request, settings = naive_gemini.read_request(parse_model(one), payload)
        call = gemini(**settings).encode(request, stream=is_stream(one))
        assert naive_gemini.canonicalize(json.loads(call.body)) == naive_gemini.canonicalize(payload)
        assert call.adaptations == ()
        assert urlsplit(call.url).path == urlsplit(one.request.url).path
        ledger.record_encoded(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.list_files(is_embedding))
def test_recorded_embeddings(ledger, gemini, file):
    """
    Requests for embeddings and decoded vectors are as recorded; a single text has its own endpoint.
    """
    for one in recorded.select_exchanges(file, is_embedding):
        rows, payload = one.request.json()["requests"], one.response.json()
        texts = tuple(row["content"]["parts"][0].get("text", "") for row in rows)
        extra = {name: value for name, value in rows[0].items() if name == "taskType"}
        dimensions = rows[0].get("outputDimensionality")
        request = EmbeddingRequest(model=parse_model(one), texts=texts, dimensions=dimensions, extra=extra)
        response = gemini().decode_embedding(request, HTTPReply(parse_head(one.response), one.response.body))
        assert [list(vector) for vector in response.vectors] == [row["values"] for row in payload["embeddings"]]
        assert response.usage.input_tokens == payload.get("usageMetadata", {}).get("promptTokenCount")
        ledger.record_decoded(one)
        reason = next((INEXPRESSIBLE_EMBEDDINGS[name] for name in INEXPRESSIBLE_EMBEDDINGS if name in file), None)
        if reason:
            ledger.record_inexpressible(one, reason)
            continue
        body = json.loads(gemini().encode_embedding(request).body)
        encoded = body["requests"] if len(rows) > 1 else [body]
        assert encoded == [{"model": f"models/{request.model}", **naive.remove_fields(row, "role")} for row in rows]
        ledger.record_encoded(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.list_files(is_count))
def test_recorded_token_counts(ledger, gemini, file):
    """
    Requests for token counts and decoded counts are as recorded.
    """
    for one in recorded.select_exchanges(file, is_count):
        recorded_body = one.request.json()  # only contents: the short form of a request
        payload = recorded_body.get("generateContentRequest") or {
            "model": f"models/{parse_model(one)}",
            **recorded_body,
        }
        request, _ = naive_gemini.read_request(parse_model(one), payload)
        encoded = json.loads(gemini().encode_token_count(request).body)
        assert encoded == {"generateContentRequest": payload}
        ledger.record_encoded(one, extra=request.extra)
        if one.response.status == 200:
            reply = HTTPReply(parse_head(one.response), one.response.body)
            assert gemini().decode_token_count(request, reply) == one.response.json()["totalTokens"]
            ledger.record_decoded(one)
