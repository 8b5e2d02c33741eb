from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tests.contract import recorded
from tests.contract.ledger import REJECTED_BY_BOTH
from tests.contract.naive_requests import MAX_TOKENS_NAMES, canonicalize, read_request
from tests.contract.test_chat_completions import FOLDERS, is_chat


def is_accepted_by_openai(entry):
    """
    Return whether OpenAI accepted the request.
    """
    return is_chat(entry) and entry["status"] == 200 and "api.openai.com" in entry["url"]


@pytest.mark.parametrize("file", recorded.list_files(is_chat, *FOLDERS))
def test_recorded_requests(ledger, provider, file):
    """
    A converted request is encoded as recorded, except for the differences that `naive_requests` explains.
    """
    instance = provider(file)
    for one in recorded.select_exchanges(file, is_chat):
        payload = one.request.json()
        try:
            request = read_request(payload, instance.vendor)
        except ValidationError:
            assert one.response.status == 400
            ledger.record_inexpressible(one, REJECTED_BY_BOTH)
            continue
        call = instance.encode(request, stream=bool(payload.get("stream")))
        expected = canonicalize(payload)
        for adaptation in call.adaptations:
            if adaptation.action == "dropped":
                del expected[adaptation.parameter]
        assert canonicalize(json.loads(call.body)) == expected
        ledger.record_encoded(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.list_files(is_accepted_by_openai))
def test_accepted_parameters_are_sent_unchanged(shared_folder, provider, file):
    """
    No rule of the catalog drops or renames a parameter that OpenAI accepted from a recorded client.

    A temperature of 1 is the default of models that reject the parameter, so dropping it has no effect.
    """
    instance = provider(file)
    for one in recorded.select_exchanges(file, is_accepted_by_openai):
        payload = one.request.json()
        call = instance.encode(read_request(payload, instance.vendor), stream=False)
        dropped = {adaptation.parameter for adaptation in call.adaptations if adaptation.action == "dropped"}
        assert {name: payload[name] for name in dropped} in ({}, {"temperature": 1})
        if any(adaptation.action == "renamed" for adaptation in call.adaptations):
            assert not (set(MAX_TOKENS_NAMES) & set(payload)) - set(json.loads(call.body))


@pytest.mark.parametrize("file", recorded.list_files(is_accepted_by_openai))
def test_requests_match_the_api_description(shared_folder, provider, openai_schemas, file):
    """
    If a recorded request matches OpenAI's description, the encoded one matches it, too.
    """
    instance = provider(file)
    for one in recorded.select_exchanges(file, is_accepted_by_openai):
        payload = one.request.json()
        if openai_schemas.problems("CreateChatCompletionRequest", payload):
            continue
        for stream in (False, True):
            call = instance.encode(read_request(payload, instance.vendor), stream=stream)
            assert openai_schemas.problems("CreateChatCompletionRequest", json.loads(call.body)) == []
