from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tests.contract import recorded
from tests.contract.naive_responses_requests import canonical, read_request
from tests.contract.test_responses import is_count, is_response, responses


def is_taken(entry):
    """
    Whether the vendor took the request.
    """
    return is_response(entry) and entry["status"] == 200


def sent_again(speaker, said):
    """
    Read a recorded body, and write it again.
    """
    call = speaker.encode(read_request(said, speaker.vendor), stream=bool(said.get("stream")))
    return call, json.loads(call.body)


@pytest.fixture
def speaker(openai):
    """
    OpenAI's provider, asked by Responses.
    """
    return openai(api="responses")


def bodies(file):
    """
    List the bodies of a recording that name a model.
    """
    said = [(one.request.json(), one.response.status) for one in responses(file)]
    return [(body, status) for body, status in said if isinstance(body.get("model"), str)]


@pytest.mark.parametrize("file", recorded.files(is_response))
def test_recorded_requests_are_written_again(shared_folder, speaker, file):
    """
    A recorded request that is read into ours is written as it was, but for what `canonical` lists with a reason.
    """
    for said, status in bodies(file):
        try:
            call, written = sent_again(speaker, said)
        except ValidationError:
            assert status == 400  # what our request cannot hold, the vendor refused as well
            continue
        assert call.url.endswith("/responses")
        expected = canonical(said)
        for receipt in call.adaptations:
            assert receipt.action == "dropped"
            del expected[receipt.parameter]
        assert canonical(written) == expected


@pytest.mark.parametrize("file", recorded.files(is_taken))
def test_what_openai_took_is_sent_unchanged(shared_folder, speaker, file):
    """
    No rule of the catalog drops a parameter that OpenAI has taken from a recorded client.
    """
    for said, status in bodies(file):
        if status == 200:
            assert sent_again(speaker, said)[0].adaptations == ()


@pytest.mark.parametrize("file", recorded.files(is_taken))
def test_what_is_written_fits_the_api_description(shared_folder, speaker, openai_schemas, file):
    """
    Where a recorded request fits OpenAI's description of its API, so does the one that is written for it.
    """
    for said, _ in bodies(file):
        if not openai_schemas.problems("CreateResponse", said):
            assert openai_schemas.problems("CreateResponse", sent_again(speaker, said)[1]) == []


@pytest.mark.parametrize("file", recorded.files(is_taken))
def test_requests_that_need_responses_are_sent_there(shared_folder, openai, file):
    """
    Where nothing is set, a request with what only Responses can express goes to Responses, and its reply is read so.
    """
    speaker = openai()
    for said, status in bodies(file):
        needs = {"previous_response_id", "include", "context_management", "background", "truncation"} & set(said)
        builtin = any(tool["type"] != "function" for tool in said.get("tools") or ())
        items = isinstance(said.get("input"), list) and any(
            item.get("type", "message") not in ("message", "function_call", "function_call_output")
            for item in said["input"]
        )
        if status == 200 and (any(said.get(name) for name in needs) or builtin or items):
            assert speaker.api(read_request(said, speaker.vendor)) == "responses"


@pytest.mark.parametrize("file", recorded.files(is_count))
def test_recorded_counts_are_asked_for_again(shared_folder, speaker, openai_schemas, file):
    """
    The request that counts tokens is the recorded one, and fits the description of the API.
    """
    for one in recorded.interactions(file):
        if not recorded.ends_with(one.request.url, "/responses/input_tokens"):
            continue
        said = one.request.json()
        call = speaker.encode_token_count(read_request(said, speaker.vendor))
        assert call.url.endswith("/responses/input_tokens")
        assert canonical(json.loads(call.body)) == canonical(said)
        assert openai_schemas.problems("TokenCountsBody", json.loads(call.body)) == []


def test_every_interaction_is_replayed(shared_folder, speaker, capsys):
    """
    Of what was recorded of OpenAI's Responses, only what manages kept responses is left out.
    """
    entries = [
        one for file in recorded.index() if file["provider"] == "openai-responses" for one in file["interactions"]
    ]
    replayed = [entry for entry in entries if is_response(entry) or is_count(entry)]
    kept = [entry for entry in entries if entry["method"] in ("GET", "DELETE")]
    assert len(replayed) + len(kept) == len(entries)

    names = [file["file"] for file in recorded.index() if any(map(is_response, file["interactions"]))]
    said = [body for name in names for body, status in bodies(name) if status == 200]
    equal = sum(canonical(sent_again(speaker, body)[1]) == canonical(body) for body in said)
    with capsys.disabled():
        print(  # noqa: T201 - asked for
            f"\nopenai-responses: {len(replayed)} of {len(entries)} interactions are replayed; "
            f"{equal} of {len(said)} requests that were taken are written again, equal"
        )
    assert equal == len(said)
