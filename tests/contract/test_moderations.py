from __future__ import annotations

import json

import pytest

from budwood.types import HTTPReply, ImagePart, ModerationRequest, TextPart
from tests.contract import naive, recorded
from tests.contract.replay import parse_head


def is_moderation(entry):
    """
    Return whether an exchange is a moderation.
    """
    return recorded.ends_with(entry["url"], "/moderations")


def read_request(body):
    """
    Convert a recorded body: a list of texts has several inputs, a list of parts has one.
    """
    inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
    if all(isinstance(content, str) for content in inputs):
        contents = tuple((TextPart(text=text),) for text in inputs)
    else:
        contents = (tuple(map(_read_part, inputs)),)
    return ModerationRequest(model=body["model"], contents=contents)


def _read_part(part):
    return TextPart(text=part["text"]) if part["type"] == "text" else ImagePart(url=part["image_url"]["url"])


@pytest.mark.parametrize("file", recorded.list_files(is_moderation))
def test_recorded_results(ledger, openai, file):
    """
    Results equal the JSON, in their order, and no value is lost.
    """
    for one in recorded.select_exchanges(file, is_moderation):
        request, payload = read_request(one.request.json()), one.response.json()
        reply = HTTPReply(parse_head(one.response), one.response.body)
        response = openai().decode_moderation(request, reply)
        assert [result.flagged for result in response.results] == [row["flagged"] for row in payload["results"]]
        assert [result.categories for result in response.results] == [row["categories"] for row in payload["results"]]
        assert [result.scores for result in response.results] == [row["category_scores"] for row in payload["results"]]
        assert naive.list_leaves(payload) <= naive.list_leaves(response.model_dump(exclude={"raw"}))
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_moderation))
def test_recorded_requests(ledger, openai, openai_schemas, file):
    """
    A converted request is encoded as recorded, and matches the description of the API.
    """
    for one in recorded.select_exchanges(file, is_moderation):
        call = openai().encode_moderation(read_request(one.request.json()))
        assert call.url == "https://api.openai.com/v1/moderations"
        assert json.loads(call.body) == one.request.json()
        assert openai_schemas.problems("CreateModerationRequest", json.loads(call.body)) == []
        ledger.record_encoded(one)
