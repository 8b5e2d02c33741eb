"""Recorded chat of OpenAI with files, in messages and in the results of tools."""

from __future__ import annotations

import json

import pytest

from budwood.errors import InvalidRequestError
from budwood.types import HTTPReply
from tests.contract import chat_replies, media_recordings, naive_requests, naive_responses_requests, recorded
from tests.contract import naive_responses as reader
from tests.contract.replay import parse_head

CHATS = media_recordings.list_exchanges("openai-media", "openai-files", path="/chat/completions")
RESPONSES = media_recordings.list_exchanges("openai-files", path="/responses")


@pytest.mark.parametrize(("file", "number"), CHATS)
def test_recorded_chats(ledger, openai, file, number):
    """
    Images and files are sent as they were recorded, and the reply is decoded whole.
    """
    one = recorded.read_exchanges(file)[number]
    provider = openai(api="chat")
    payload = one.request.json()
    request = naive_requests.read_request(payload, provider.vendor)

    call = provider.encode(request, stream=False)

    assert naive_requests.canonicalize(json.loads(call.body)) == naive_requests.canonicalize(payload)
    chat_replies.assert_complete_reply(provider, parse_head(one.response), one.response.body)
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), RESPONSES)
def test_recorded_responses(ledger, openai, file, number):
    """
    Images and files are sent as they were recorded, also in the results of tools, and the reply is decoded whole.
    """
    one = recorded.read_exchanges(file)[number]
    provider = openai(api="responses")
    payload = one.request.json()
    request = naive_responses_requests.read_request(payload, provider.vendor)

    call = provider.encode(request, stream=False)

    canonicalize = naive_responses_requests.canonicalize
    assert canonicalize(json.loads(call.body)) == canonicalize(payload)
    reply = HTTPReply(parse_head(one.response), one.response.body)
    if one.response.status == 400:
        error = provider.error(reply)
        assert isinstance(error, InvalidRequestError)
        assert error.code == one.response.json()["error"]["code"]
        ledger.record_replay(one)
        return
    response, reading = provider.decode(request, reply), reader.read_reply(one.response.json())
    assert (response.text, response.raw_finish_reason) == (reading.text, reading.finish)
    assert len(response.media) == sum(item["type"] == "image_generation_call" for item in reading.others)
    ledger.record_replay(one)
