from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tests.contract import recorded
from tests.contract.ledger import REFUSED_AS_WELL
from tests.contract.naive_requests import BOUNDS, canonical, read_request
from tests.contract.test_chat_completions import FOLDERS, is_chat


def is_taken_by_openai(entry):
    """
    Whether OpenAI itself answered.
    """
    return is_chat(entry) and entry["status"] == 200 and "api.openai.com" in entry["url"]


@pytest.mark.parametrize("file", recorded.files(is_chat, *FOLDERS))
def test_recorded_requests_are_written_again(ledger, provider, file):
    """
    A recorded request that is read into ours is written as it was, but for what `naive_requests` lists with a reason.
    """
    speaker = provider(file)
    for one in recorded.of(file, is_chat):
        said = one.request.json()
        try:
            request = read_request(said, speaker.vendor)
        except ValidationError:
            assert one.response.status == 400
            ledger.cannot_say(one, REFUSED_AS_WELL)
            continue
        call = speaker.encode(request, stream=bool(said.get("stream")))
        expected = canonical(said)
        for receipt in call.adaptations:
            if receipt.action == "dropped":
                del expected[receipt.parameter]
        assert canonical(json.loads(call.body)) == expected
        ledger.has_written(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.files(is_taken_by_openai))
def test_what_openai_took_is_sent_unchanged(shared_folder, provider, file):
    """
    No rule of the catalog drops or renames a parameter that OpenAI has taken from a recorded client.

    A temperature of 1 is what models have that refuse it: to drop it changes nothing.
    """
    speaker = provider(file)
    for one in recorded.of(file, is_taken_by_openai):
        said = one.request.json()
        call = speaker.encode(read_request(said, speaker.vendor), stream=False)
        dropped = {receipt.parameter for receipt in call.adaptations if receipt.action == "dropped"}
        assert {name: said[name] for name in dropped} in ({}, {"temperature": 1})
        if any(receipt.action == "renamed" for receipt in call.adaptations):
            assert not (set(BOUNDS) & set(said)) - set(json.loads(call.body))


@pytest.mark.parametrize("file", recorded.files(is_taken_by_openai))
def test_what_is_written_fits_the_api_description(shared_folder, provider, openai_schemas, file):
    """
    Where a recorded request fits OpenAI's description of its API, so does the one that is written for it.
    """
    speaker = provider(file)
    for one in recorded.of(file, is_taken_by_openai):
        said = one.request.json()
        if openai_schemas.problems("CreateChatCompletionRequest", said):
            continue
        for stream in (False, True):
            call = speaker.encode(read_request(said, speaker.vendor), stream=stream)
            assert openai_schemas.problems("CreateChatCompletionRequest", json.loads(call.body)) == []
