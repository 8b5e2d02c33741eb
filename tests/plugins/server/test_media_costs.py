"""Media with a key that has a budget: what has a price is reserved and charged, and the rest is refused."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx
import pytest

from tests.media import make_wav
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.servers import reply

SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
HOUR = Decimal("0.111")
"""The price of an hour of audio."""


@pytest.fixture
def gateway(vendor, sqlite_url):
    """
    A gateway to vendors that are all on one server.
    """
    providers = {name: {"base_url": f"{vendor.url}/v1", "api_key": "k"} for name in ("groq", "openai")}
    models = {"ears": "groq/whisper-large-v3", "voice": "openai/tts-1", "painter": "openai/gpt-image-1"}
    settings = {"providers": providers, "options": {"retries": 0}, "server": {"models": models}}
    with KeyedGateway(settings, sqlite_url) as gateway:
        yield gateway


def transcribe(gateway, key, content):
    """
    Post audio.
    """
    form = httpx.Request("POST", "http://test", data={"model": "ears"}, files={"file": ("a.wav", content)})
    headers = {"content_type": form.headers["content-type"]}
    return gateway.send("POST", TRANSCRIPTIONS, key, form.read(), **headers)


def test_transcription_is_charged_by_its_duration(gateway, vendor):
    """
    The vendor reports it; before the call, that of the file is reserved.
    """
    key = gateway.create_key(budget={"dollars": 1})
    vendor.play(reply(200, {"text": "Hi", "duration": 36.0, "segments": []}))

    answer = transcribe(gateway, key, make_wav(36))

    assert answer.status == 200, answer.body
    assert gateway.find_spent(key, "ears") == HOUR / 100


def test_transcription_that_does_not_fit_is_refused(gateway, vendor):
    """
    An hour of audio costs more than is left.
    """
    refused = transcribe(gateway, gateway.create_key(budget={"dollars": "0.1"}), make_wav(3600, rate=100))

    assert (refused.status, refused.json["error"]["code"]) == (429, "budget_exceeded")
    assert vendor.requests == []


def test_transcription_of_unknown_duration_is_refused(gateway, vendor):
    """
    The error says how the operator can allow it.
    """
    refused = transcribe(gateway, gateway.create_key(budget={"dollars": 1}), b"RIFF")

    assert (refused.status, refused.json["error"]["code"]) == (400, "unknown_cost")
    assert "unknown_price" in refused.json["error"]["hint"]
    assert vendor.requests == []


def test_speech_is_charged_by_its_characters(gateway, vendor):
    """
    At 15 dollars for a million.
    """
    key = gateway.create_key(budget={"dollars": 1})
    vendor.play(reply(200, make_wav(), content_type="audio/wav"))
    body = {"model": "voice", "input": "Hello!", "voice": "alloy", "response_format": "wav"}

    assert gateway.send("POST", SPEECH, key, json.dumps(body).encode()).status == 200
    assert gateway.find_spent(key, "voice") == Decimal(6 * 15) / 1_000_000


def test_images_are_refused_with_a_way_to_allow_them(gateway, vendor):
    """
    Nothing bounds the tokens of an image.
    """
    key = gateway.create_key(budget={"dollars": 1})
    body = {"model": "painter", "prompt": "A cat"}

    refused = gateway.send("POST", "/v1/images/generations", key, json.dumps(body).encode())

    assert (refused.status, refused.json["error"]["code"]) == (400, "unknown_cost")
    assert "unknown_price" in refused.json["error"]["hint"]
    assert vendor.requests == []
