"""Recorded traffic of OpenRouter: an image with a reference, and speech."""

from __future__ import annotations

import base64
import json
from decimal import Decimal

import pytest

from budwood.types import HTTPReply, ImagePart, ImageRequest, SpeechRequest
from tests.contract import media_recordings as media
from tests.contract import recorded
from tests.contract.replay import parse_head

IMAGES = media.list_exchanges("openrouter", path="/images")
SPEECH = media.list_exchanges("openrouter", path="/audio/speech")


def make_reply(one):
    """
    Return the reply of an exchange.
    """
    return HTTPReply(parse_head(one.response), one.response.body)


@pytest.mark.parametrize(("file", "number"), IMAGES)
def test_recorded_images(ledger, openrouter, file, number):
    """
    The request is equal; the image is that of the reply, with its cost.
    """
    one = recorded.read_exchanges(file)[number]
    payload = one.request.json()
    images = tuple(ImagePart(url=part["image_url"]["url"]) for part in payload["input_references"])
    request = ImageRequest(model=payload["model"], prompt=payload["prompt"], images=images)

    call = openrouter.encode_image(request, stream=False)
    response = openrouter.decode_image(request, make_reply(one))

    row = one.response.json()
    assert (call.url, json.loads(call.body)) == (one.request.url, payload)
    assert [(image.data, image.media_type) for image in response.images] == [
        (base64.b64decode(image["b64_json"]), image["media_type"]) for image in row["data"]
    ]
    assert response.usage.reported_cost == Decimal(str(row["usage"]["cost"]))
    assert (response.usage.input_tokens, response.usage.output_tokens) == (1125, 1120)
    ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), SPEECH)
def test_recorded_speech(ledger, openrouter, file, number):
    """
    The request is equal, and the audio is that of the reply.
    """
    one = recorded.read_exchanges(file)[number]
    payload = one.request.json()
    request = SpeechRequest(
        model=payload["model"], text=payload["input"], voice=payload["voice"], format=payload["response_format"]
    )

    call = openrouter.encode_speech(request, stream=False)
    response = openrouter.decode_speech(request, make_reply(one))

    assert (call.url, json.loads(call.body)) == (one.request.url, payload)
    assert (response.audio.data, response.audio.media_type) == (one.response.body, "audio/mpeg")
    ledger.record_replay(one)
