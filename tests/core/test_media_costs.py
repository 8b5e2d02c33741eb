"""Costs of media: tokens with prices of their own, characters of speech, hours of audio, and discounts of batches."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from budwood import Audio, Client
from budwood.catalog import Catalog
from budwood.catalog.files import load_table
from budwood.providing import make_wave_header
from budwood.types import ModelFacts, Usage
from budwood_testing import FakeClock, ScriptedTransport
from tests.media_server import PNG

WAVE = make_wave_header(2) + b"\1\0"

MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
MILLION = 1_000_000


def test_images_have_their_own_prices():
    """
    Tokens of images and of text in one reply have different prices. The usage was recorded with OpenAI.
    """
    raw = {
        "input_tokens": 431,
        "input_tokens_details": {"image_tokens": 388, "text_tokens": 43},
        "output_tokens": 1364,
        "output_tokens_details": {"image_tokens": 1056, "text_tokens": 308},
    }
    usage = Usage(input_tokens=431, output_tokens=1364, raw=raw)
    cost = Catalog().facts("openai", "openai", "gpt-image-1.5").cost(usage, MOMENT)

    assert cost.dollars == (43 * Decimal(5) + 388 * 8 + 308 * 10 + 1056 * 32) / MILLION


def test_audio_of_gemini_has_its_own_price():
    """
    The counts of modalities have another form there, and cached audio another price.
    """
    raw = {
        "promptTokenCount": 100,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}, {"modality": "TEXT", "tokenCount": 40}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
    }
    usage = Usage(input_tokens=100, cache_read_tokens=20, output_tokens=10, raw=raw)
    facts = ModelFacts(
        prices=({"input": 1, "cached_input": "0.5", "output": 2},),
        apart={"audio"},
        media_prices={"input_audio": 3, "cached_audio": 2},
    )

    assert facts.cost(usage, MOMENT).dollars == (40 * Decimal(1) + 40 * 3 + 20 * 2 + 10 * 2) / MILLION


def test_cached_tokens_of_unknown_kind_have_no_price():
    """
    If it is not known how much of the cached input was audio, neither is the cost.
    """
    raw = {"prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 20}}
    usage = Usage(input_tokens=100, cache_read_tokens=20, output_tokens=10, raw=raw)
    facts = ModelFacts(prices=({"input": 1, "output": 2},), apart={"audio"}, media_prices={"input_audio": 3})

    assert facts.cost(usage, MOMENT) == (None, "the vendor does not report how many of the cached tokens are audio")


def test_hours_of_audio_have_a_price():
    """
    A transcription that is billed by its duration costs what that costs.
    """
    usage = Usage(audio_seconds=2)

    assert Catalog().facts("openai", "openai", "whisper-1").cost(usage, MOMENT).dollars == Decimal("0.36") * 2 / 3600
    unknown = Catalog().facts("openai", "openai", "whisper-1").cost(Usage(), MOMENT)
    assert unknown == (None, "the vendor reported no audio seconds")
    assert Catalog().facts("openai", "openai", "whisper-1").cost(Usage(audio_seconds=float("nan")), MOMENT) == unknown


def test_characters_of_speech_have_a_price():
    """
    The price is that of a million.
    """
    facts = Catalog().facts("openai", "openai", "tts-1")

    assert facts.cost(Usage(characters=4000), MOMENT).dollars == Decimal(15) * 4000 / MILLION
    assert facts.cost(Usage(), MOMENT) == (None, "the vendor reported no characters")


def test_audio_and_text_of_one_call_are_added():
    """
    Mistral charges for the duration of audio, and for the tokens of the text beside it.
    """
    facts = ModelFacts(prices=({"input": 1, "output": 2},), media_prices={"audio_hour": "3.6"})
    usage = Usage(input_tokens=5, output_tokens=20, audio_seconds=3)

    assert facts.cost(usage, MOMENT).dollars == Decimal(45) / MILLION + Decimal("0.003")
    assert facts.cost(usage.model_copy(update={"audio_seconds": None}), MOMENT).dollars == Decimal(45) / MILLION


def test_videos_of_interactions_have_the_price_of_videos():
    """
    Interactions of Gemini count modalities under other names than its other replies.
    """
    raw = {"output_tokens_by_modality": [{"modality": "video", "tokens": 100}, {"modality": "text", "tokens": 10}]}
    usage = Usage(input_tokens=4, output_tokens=110, raw=raw)
    cost = Catalog().facts("gemini", "gemini", "gemini-omni-1.1-flash").cost(usage, MOMENT)

    assert cost.dollars == (4 * Decimal("1.5") + 10 * 9 + 100 * Decimal("17.5")) / MILLION


def test_media_of_batches_have_their_own_prices():
    """
    Tokens of audio in a batch cost what the catalog says for batches.
    """
    raw = {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}, {"modality": "TEXT", "tokenCount": 40}]}
    usage = Usage(input_tokens=100, output_tokens=10, raw=raw)
    facts = Catalog().facts("gemini", "gemini", "gemini-2.5-flash")

    expected = (40 * Decimal("0.15") + 60 * Decimal("0.5") + 10 * Decimal("1.25")) / MILLION
    assert facts.cost(usage, MOMENT, "batch").dollars == expected
    assert facts.cost(usage, MOMENT, "flex") == (None, "no price known for the service tier flex")


def test_batches_without_prices_have_the_discount_of_their_vendor():
    """
    It applies to the standard prices, and not to models with prices of their own for batches.
    """
    facts = ModelFacts(prices=({"input": 1, "output": 2},), batch_share="0.5")
    own = ModelFacts(prices=({"input": 1}, {"input": "0.1", "service_tier": "batch"}), batch_share="0.5")
    usage = Usage(input_tokens=100, output_tokens=0)

    assert facts.cost(usage, MOMENT, "batch").dollars == Decimal(50) / MILLION
    assert facts.cost(usage, MOMENT, "flex").dollars is None
    assert own.cost(usage, MOMENT, "batch").dollars == Decimal(10) / MILLION


@pytest.mark.parametrize("vendor", ["anthropic", "azure", "gemini", "groq"])
def test_discounts_of_vendors_have_a_source(vendor):
    """
    Models without prices of their own for batches cost half.
    """
    row = load_table("discounts.json")[vendor]

    assert row["source"]
    assert date.fromisoformat(row["as_of"])
    assert Catalog().facts(vendor, vendor, "any").batch_share == Decimal("0.5")


def answer(model, call, reply, **settings):
    """
    Return the response of a call to a client whose server sends one reply.
    """
    content_type = "audio/wav" if reply is WAVE else "application/json"
    transport = ScriptedTransport().reply(200, reply, headers={"content-type": content_type})
    options = {"transport": transport, "clock": FakeClock(), "settings": settings, "cache": False}
    with Client(model, api_key="test", **options) as client:
        return call(client)


@pytest.mark.parametrize(
    ("model", "price"),
    [("openai/tts-1", 15), ("groq/canopylabs/orpheus-v1-english", 22), ("openai/gpt-4o-mini-tts", None)],
)
def test_speech_costs_its_characters(model, price):
    """
    A model that is billed by tokens has no known cost if the vendor does not report them.
    """
    text = "Grüße"
    response = answer(model, lambda client: client.speak(text), WAVE)

    assert response.usage.characters == len(text)
    assert response.cost == (None if price is None else Decimal(price) * len(text) / MILLION)


def test_streamed_speech_costs_its_characters():
    """
    As speech that is not streamed does.
    """

    def call(client):
        with client.stream_speech("Hello") as stream:
            assert b"".join(event.data for event in stream) == WAVE
        return stream.response

    assert answer("openai/tts-1", call, WAVE).cost == Decimal(15) * 5 / MILLION


@pytest.mark.parametrize(
    ("model", "reply", "seconds", "hour"),
    [
        ("openai/whisper-1", {"text": "Hi", "usage": {"type": "duration", "seconds": 3}}, 3, "0.36"),
        ("openai/whisper-1", {"text": "Hi", "duration": 2.2}, 3, "0.36"),
        ("openai/whisper-1", '{"text": "Hi", "duration": Infinity}', None, None),
        ("openai/gpt-transcribe", {"text": "Hi", "usage": {"type": "duration", "seconds": 3}}, 3, "0.27"),
        ("groq/whisper-large-v3", {"text": "Hi", "duration": 3.5}, 10, "0.111"),
        ("groq/whisper-large-v3", {"text": "Hi", "duration": 30.0}, 30, "0.111"),
        ("groq/whisper-large-v3", {"text": "Hi"}, None, None),
        ("mistral/voxtral-mini-latest", {"text": "Hi", "usage": {"prompt_audio_seconds": 4}}, 4, "0.18"),
    ],
)
def test_transcripts_cost_their_duration(model, reply, seconds, hour):
    """
    OpenAI rounds it up, and Groq charges for at least ten seconds; without a duration the cost is unknown.
    """
    response = answer(model, lambda client: client.transcribe(WAVE), reply)

    assert response.usage.audio_seconds == seconds
    assert response.cost == (None if hour is None else Decimal(hour) * seconds / 3600)


def test_transcripts_of_groq_cost_the_duration_of_their_audio():
    """
    If the reply has none, that of the file counts.
    """
    audio = Audio(data=WAVE, seconds=60)
    response = answer("groq/whisper-large-v3", lambda client: client.transcribe(audio), {"text": "Hi"})

    assert response.cost == Decimal("0.111") * 60 / 3600


def test_transcripts_by_tokens_cost_their_tokens():
    """
    Audio has another price than text.
    """
    usage = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
        "output_tokens": 5,
        "total_tokens": 19,
    }
    response = answer(
        "openai/gpt-4o-transcribe", lambda client: client.transcribe(WAVE), {"text": "Hi", "usage": usage}
    )

    assert response.cost == (4 * Decimal("2.5") + 10 * 6 + 5 * 10) / MILLION


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        ("xai/grok-imagine-image", {"cost_in_usd_ticks": 200000000}, "0.02"),
        ("openrouter/google/gemini-3.1-flash-image", {"cost": 0.07}, "0.07"),
        ("openai-compatible/my-image", None, None),
    ],
)
def test_images_cost_what_the_vendor_reports(model, usage, cost):
    """
    Prices of single images are not in the catalog; a vendor that reports none has no known cost.
    """
    reply = {"data": [{"b64_json": base64.b64encode(PNG).decode()}], **({"usage": usage} if usage else {})}
    providers = {"openai-compatible": {"base_url": "http://localhost:1/v1"}}
    response = answer(model, lambda client: client.image("a cat"), reply, providers=providers)

    assert response.cost == (None if cost is None else Decimal(cost))
