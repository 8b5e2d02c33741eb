from __future__ import annotations

import json

import pytest

from budwood.errors import InvalidRequestError
from budwood.types import HTTPReply, ReasoningPart, ReplyHead
from tests.contract import naive, recorded
from tests.contract.chat_replies import assert_complete_reply, assert_stream, join_texts
from tests.contract.naive_requests import canonicalize, read_request
from tests.contract.replay import REQUEST, build, decode_to_end, is_stream, parse_head, split

SETTINGS = ("service_tier", "reasoning_format")
"""Parameters that are passed as settings."""

DIFFERENCES = {
    "n": "1, which is the default and the only value that Groq accepts",
    "reasoning_format": "parsed, if the client did not set it for a model that would write its reasoning into the text",
}
"""The accepted differences from the recorded client, with reasons."""

EXTRA = {"search_settings": "options of the search of compound systems"}
"""Parameters that users pass as ``extra``, with reasons."""


def is_groq(entry):
    """
    Return whether an exchange is a chat.
    """
    return recorded.ends_with(entry["url"], "/openai/v1/chat/completions")


def is_answered(entry):
    """
    Return whether an exchange is a chat with status 200.
    """
    return is_groq(entry) and entry["status"] == 200


def is_error(entry):
    """
    Return whether an exchange is a chat with an error.
    """
    return is_groq(entry) and entry["status"] >= 400


FILES = recorded.list_files(is_answered, "groq")
FAILING = recorded.list_files(is_answered, "groq", named="tool_use_failed_error_streaming")


@pytest.mark.parametrize("file", FILES)
def test_recorded_replies(ledger, groq, file):
    """
    A decoded reply equals the naive reading, loses no value, and does not depend on how a stream is split.
    """
    for one in recorded.select_exchanges(file, is_answered):
        if naive.find_error(one.response.body) is None:
            check = assert_stream if is_stream(one.response) else assert_complete_reply
            check(groq(), parse_head(one.response), one.response.body)
            ledger.record_decoded(one)


@pytest.mark.parametrize("path", recorded.list_fixtures("groq", suffix=".json"))
def test_recorded_bodies(ledger, groq, path):
    """
    Bodies that were recorded without their requests are decoded.
    """
    assert_complete_reply(groq(), ReplyHead(200, {}), path.read_bytes())
    ledger.record_decoded(path)


@pytest.mark.parametrize("path", recorded.list_fixtures("groq", suffix=".chunks.txt"))
def test_recorded_chunks(ledger, groq, path):
    """
    Chunks that were recorded one in each line are decoded as a stream.
    """
    assert_stream(groq(), ReplyHead(200, {}), recorded.to_sse(path))
    ledger.record_decoded(path)


@pytest.mark.parametrize("file", recorded.list_files(is_error, "groq"))
def test_recorded_errors(ledger, groq, file):
    """
    Recorded errors have Groq's message and code; those about the model's own output are retryable.
    """
    for one in recorded.select_exchanges(file, is_error):
        error = groq().error(HTTPReply(parse_head(one.response), one.response.body))
        payload = one.response.json()["error"]
        assert (error.status, error.code) == (one.response.status, payload["code"])
        assert payload["message"][:200] in str(error)
        assert error.retryable is (payload["code"] == "tool_use_failed")
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", FAILING)
def test_recorded_errors_inside_a_stream(ledger, groq, file):
    """
    An error inside a stream is raised after the content before it, however the bytes are split.
    """
    failed = [one for one in recorded.select_exchanges(file, is_answered) if naive.find_error(one.response.body)]
    assert failed
    for one in failed:
        head, body = parse_head(one.response), one.response.body
        payload = naive.find_error(body)
        *events, error = decode_to_end(groq().decoder(REQUEST, head), [body])
        assert error == (InvalidRequestError, payload["message"], payload["status_code"], payload["code"], True)
        chunks = [chunk for chunk in naive.split_chunks(body) if "error" not in chunk]
        assert join_texts(build(events).message, ReasoningPart) == naive.read_stream(chunks)[0].reasoning != ""
        for seed in range(3):
            assert decode_to_end(groq().decoder(REQUEST, head), split(body, seed)) == [*events, error]
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_groq, "groq"))
def test_recorded_requests(ledger, groq, file):
    """
    A converted request, with tier and format as settings, is encoded as recorded.
    """
    for one in recorded.select_exchanges(file, is_groq):
        payload = one.request.json()
        settings = {name: payload[name] for name in SETTINGS if name in payload}
        encoded_settings = {name: value for name, value in payload.items() if name not in (*SETTINGS, "n")}
        if encoded_settings.get("reasoning_effort") == "default":
            encoded_settings["reasoning_effort"] = "medium"  # Groq's only effort for some models
        request = read_request(encoded_settings, "groq")
        assert set(request.extra) <= set(EXTRA)

        call = groq(**settings).encode(request, stream=payload["stream"])

        encoded = canonicalize(json.loads(call.body))
        expected = canonicalize({name: value for name, value in payload.items() if name != "n"})
        if "reasoning_format" not in payload:
            encoded.pop("reasoning_format", None)
        assert encoded == expected
        assert {adaptation.action for adaptation in call.adaptations} <= {"changed"}
        ledger.record_encoded(one, extra=request.extra)
