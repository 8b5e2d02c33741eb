from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tests.contract import recorded
from tests.contract.ledger import REJECTED_BY_BOTH
from tests.contract.naive_responses_requests import canonicalize, read_request
from tests.contract.test_responses import is_count, is_response


def is_accepted(entry):
    """
    Return whether the vendor accepted the request, and the recording has its model.
    """
    return is_response(entry) and entry["status"] == 200 and entry["model"] is not None


def encode_recorded(provider, payload):
    """
    Convert a recorded body, and encode it.
    """
    call = provider.encode(read_request(payload, provider.vendor), stream=bool(payload.get("stream")))
    return call, json.loads(call.body)


@pytest.mark.parametrize("file", recorded.list_files(is_response))
def test_recorded_requests(ledger, responses_provider, file):
    """
    A converted request is encoded as recorded, except for the differences that `canonicalize` explains.
    """
    for one in recorded.select_exchanges(file, is_response):
        payload = one.request.json()
        if "model" not in payload:
            assert "prompt" in payload
            ledger.record_inexpressible(one, "has no model, because the prompt at the vendor determines it")
            continue
        try:
            request = read_request(payload, responses_provider.vendor)
        except ValidationError:
            assert one.response.status == 400
            ledger.record_inexpressible(one, REJECTED_BY_BOTH)
            continue
        call = responses_provider.encode(request, stream=bool(payload.get("stream")))
        assert call.url.endswith("/responses")
        expected = canonicalize(payload)
        for adaptation in call.adaptations:
            assert adaptation.action == "dropped"
            del expected[adaptation.parameter]
        assert canonicalize(json.loads(call.body)) == expected
        ledger.record_encoded(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.list_files(is_accepted))
def test_accepted_parameters_are_sent_unchanged(shared_folder, responses_provider, file):
    """
    No rule of the catalog drops a parameter that OpenAI accepted from a recorded client.
    """
    for one in recorded.select_exchanges(file, is_accepted):
        assert encode_recorded(responses_provider, one.request.json())[0].adaptations == ()


@pytest.mark.parametrize("file", recorded.list_files(is_accepted))
def test_requests_match_the_api_description(shared_folder, responses_provider, openai_schemas, file):
    """
    If a recorded request matches OpenAI's description, the encoded one matches it, too.
    """
    for one in recorded.select_exchanges(file, is_accepted):
        payload = one.request.json()
        if not openai_schemas.problems("CreateResponse", payload):
            assert openai_schemas.problems("CreateResponse", encode_recorded(responses_provider, payload)[1]) == []


@pytest.mark.parametrize("file", recorded.list_files(is_accepted))
def test_requests_that_need_responses_are_sent_there(shared_folder, openai, file):
    """
    Without a setting, a request with features that only Responses has is sent to Responses.
    """
    provider = openai()
    for one in recorded.select_exchanges(file, is_accepted):
        payload = one.request.json()
        needs = {"previous_response_id", "include", "context_management", "background", "truncation"} & set(payload)
        builtin = any(tool["type"] != "function" for tool in payload.get("tools") or ())
        items = isinstance(payload.get("input"), list) and any(
            item.get("type", "message") not in ("message", "function_call", "function_call_output")
            for item in payload["input"]
        )
        if any(payload.get(name) for name in needs) or builtin or items:
            assert provider.api(read_request(payload, provider.vendor)) == "responses"


@pytest.mark.parametrize("file", recorded.list_files(is_count))
def test_recorded_token_count_requests(ledger, responses_provider, openai_schemas, file):
    """
    The request for a token count is as recorded, and matches the description of the API.
    """
    for one in recorded.select_exchanges(file, is_count):
        payload = one.request.json()
        request = read_request(payload, responses_provider.vendor)
        call = responses_provider.encode_token_count(request)
        assert call.url.endswith("/responses/input_tokens")
        assert canonicalize(json.loads(call.body)) == canonicalize(payload)
        assert openai_schemas.problems("TokenCountsBody", json.loads(call.body)) == []
        ledger.record_encoded(one, extra=request.extra)
