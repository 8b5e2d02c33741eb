from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tests.contract import recorded
from tests.contract.ledger import REFUSED_AS_WELL
from tests.contract.naive_responses_requests import canonical, read_request
from tests.contract.test_responses import is_count, is_response


def is_taken(entry):
    """
    Whether the vendor took the request, and it says which model it asks.
    """
    return is_response(entry) and entry["status"] == 200 and entry["model"] is not None


def sent_again(speaker, said):
    """
    Read a recorded body, and write it again.
    """
    call = speaker.encode(read_request(said, speaker.vendor), stream=bool(said.get("stream")))
    return call, json.loads(call.body)


@pytest.mark.parametrize("file", recorded.files(is_response))
def test_recorded_requests_are_written_again(ledger, speaker, file):
    """
    A recorded request that is read into ours is written as it was, but for what `canonical` lists with a reason.
    """
    for one in recorded.of(file, is_response):
        said = one.request.json()
        if "model" not in said:
            assert "prompt" in said
            ledger.cannot_say(one, "leaves the model to a prompt that the vendor keeps, and ours always names one")
            continue
        try:
            request = read_request(said, speaker.vendor)
        except ValidationError:
            assert one.response.status == 400
            ledger.cannot_say(one, REFUSED_AS_WELL)
            continue
        call = speaker.encode(request, stream=bool(said.get("stream")))
        assert call.url.endswith("/responses")
        expected = canonical(said)
        for receipt in call.adaptations:
            assert receipt.action == "dropped"
            del expected[receipt.parameter]
        assert canonical(json.loads(call.body)) == expected
        ledger.has_written(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.files(is_taken))
def test_what_openai_took_is_sent_unchanged(shared_folder, speaker, file):
    """
    No rule of the catalog drops a parameter that OpenAI has taken from a recorded client.
    """
    for one in recorded.of(file, is_taken):
        assert sent_again(speaker, one.request.json())[0].adaptations == ()


@pytest.mark.parametrize("file", recorded.files(is_taken))
def test_what_is_written_fits_the_api_description(shared_folder, speaker, openai_schemas, file):
    """
    Where a recorded request fits OpenAI's description of its API, so does the one that is written for it.
    """
    for one in recorded.of(file, is_taken):
        said = one.request.json()
        if not openai_schemas.problems("CreateResponse", said):
            assert openai_schemas.problems("CreateResponse", sent_again(speaker, said)[1]) == []


@pytest.mark.parametrize("file", recorded.files(is_taken))
def test_requests_that_need_responses_are_sent_there(shared_folder, openai, file):
    """
    Where nothing is set, a request with what only Responses can express goes to Responses, and its reply is read so.
    """
    speaker = openai()
    for one in recorded.of(file, is_taken):
        said = one.request.json()
        needs = {"previous_response_id", "include", "context_management", "background", "truncation"} & set(said)
        builtin = any(tool["type"] != "function" for tool in said.get("tools") or ())
        items = isinstance(said.get("input"), list) and any(
            item.get("type", "message") not in ("message", "function_call", "function_call_output")
            for item in said["input"]
        )
        if any(said.get(name) for name in needs) or builtin or items:
            assert speaker.api(read_request(said, speaker.vendor)) == "responses"


@pytest.mark.parametrize("file", recorded.files(is_count))
def test_recorded_counts_are_asked_for_again(ledger, speaker, openai_schemas, file):
    """
    The request that counts tokens is the recorded one, and fits the description of the API.
    """
    for one in recorded.of(file, is_count):
        said = one.request.json()
        request = read_request(said, speaker.vendor)
        call = speaker.encode_token_count(request)
        assert call.url.endswith("/responses/input_tokens")
        assert canonical(json.loads(call.body)) == canonical(said)
        assert openai_schemas.problems("TokenCountsBody", json.loads(call.body)) == []
        ledger.has_written(one, extra=request.extra)
