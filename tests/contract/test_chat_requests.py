from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tests.contract import recorded
from tests.contract.naive_requests import BOUNDS, canonical, read_request


def is_chat(entry):
    """
    Whether an interaction is a chat, answered or not.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/chat/completions")


def is_taken_by_openai(entry):
    """
    Whether OpenAI itself answered.
    """
    return is_chat(entry) and entry["status"] == 200 and "api.openai.com" in entry["url"]


def has_model(one):
    """
    Azure's deployments stand in the address, and some clients leave the model out.
    """
    return isinstance(one.request.json().get("model"), str)


@pytest.mark.parametrize("file", recorded.files(is_chat))
def test_recorded_requests_are_written_again(shared_folder, provider, file):
    """
    A recorded request that is read into ours is written as it was, but for what `naive_requests` lists with a reason.
    """
    speaker = provider(file)
    for one in filter(has_model, recorded.chats(file)):
        said = one.request.json()
        try:
            request = read_request(said, speaker.vendor)
        except ValidationError:
            assert one.response.status == 400  # what our request cannot hold, the vendor refused as well
            continue
        call = speaker.encode(request, stream=bool(said.get("stream")))
        expected = canonical(said)
        for receipt in call.adaptations:
            if receipt.action == "dropped":
                del expected[receipt.parameter]
        assert canonical(json.loads(call.body)) == expected


@pytest.mark.parametrize("file", recorded.files(is_taken_by_openai))
def test_what_openai_took_is_sent_unchanged(shared_folder, provider, file):
    """
    No rule of the catalog drops or renames a parameter that OpenAI has taken from a recorded client.

    A temperature of 1 is what models have that refuse it: to drop it changes nothing.
    """
    speaker = provider(file)
    for one in filter(has_model, recorded.chats(file)):
        if one.response.status != 200:
            continue
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
    for one in filter(has_model, recorded.chats(file)):
        said = one.request.json()
        if openai_schemas.problems("CreateChatCompletionRequest", said):
            continue
        for stream in (False, True):
            call = speaker.encode(read_request(said, speaker.vendor), stream=stream)
            assert openai_schemas.problems("CreateChatCompletionRequest", json.loads(call.body)) == []
