"""OpenAI's SDK and Budwood send equal requests for images, speech and transcripts, and read the replies equally."""

from __future__ import annotations

import base64

import pytest

from budwood.errors import ContentFilterError
from budwood.types import AudioPart, ImagePart
from tests.contract import sdk, sdk_media
from tests.contract.sdk_media import PNG, WAVE, event_reply, json_reply
from tests.servers import reply

openai = sdk.import_sdk("openai", "openai")

ENCODED = base64.b64encode(PNG).decode()
IMAGE_USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    "output_tokens": 272,
    "total_tokens": 282,
}
IMAGES = {
    "created": 1,
    "data": [{"b64_json": ENCODED, "revised_prompt": "a grey cat"}],
    "size": "1x1",
    "output_format": "png",
    "usage": IMAGE_USAGE,
}
TOKENS = {"type": "tokens", "input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
SUBTITLES = "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n"
IMAGE = ImagePart(data=PNG, name="image.png")
AUDIO = AudioPart(data=WAVE, media_type="audio/wav", name="hello.wav")
FILE = ("hello.wav", WAVE, "audio/wav")
VERSION = "2025-04-01-preview"


def open_budwood(url):
    """
    Open Budwood's client for OpenAI and Azure.
    """
    openai_settings = {"base_url": url, "api_key": "sk-test"}
    azure_settings = {"base_url": url, "api_key": "test", "api_version": VERSION}
    return sdk_media.make_client(openai=openai_settings, azure=azure_settings)


@pytest.fixture(scope="module")
def openai_client(shared_server):
    """
    The SDK's client for OpenAI.
    """
    with openai.OpenAI(api_key="sk-test", base_url=shared_server.url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def azure_client(shared_server):
    """
    The SDK's client for Azure.
    """
    settings = {"azure_endpoint": shared_server.url, "api_key": "test", "api_version": VERSION, "max_retries": 0}
    with openai.AzureOpenAI(**settings) as client:
        yield client


@pytest.fixture(params=["openai", "azure"])
def vendor(request):
    """
    Each vendor.
    """
    return request.param


@pytest.fixture
def sdk_client(vendor, openai_client, azure_client):
    """
    The SDK's client for a vendor.
    """
    return azure_client if vendor == "azure" else openai_client


def assert_equal_images(ours, theirs):
    """
    Compare the images and the usage of two replies.
    """
    assert [image.data for image in ours.images] == [base64.b64decode(row.b64_json) for row in theirs.data]
    assert [image.revised_prompt for image in ours.images] == [row.revised_prompt for row in theirs.data]
    assert (ours.usage.input_tokens, ours.usage.output_tokens) == (
        theirs.usage.input_tokens,
        theirs.usage.output_tokens,
    )
    assert f"{ours.image.width}x{ours.image.height}" == theirs.size


def test_images(compare, vendor, sdk_client, budwood_client):
    """
    All parameters of new images are sent equally.
    """
    options = {"n": 2, "size": "1024x1024", "quality": "high", "background": "opaque"}
    vendor_options = {"moderation": "low", "output_compression": 50}
    theirs, ours = compare(
        lambda: sdk_client.images.generate(
            model="gpt-image-2", prompt="a cat", output_format="webp", **options, **vendor_options
        ),
        lambda: budwood_client.image(
            "a cat", model=f"{vendor}/gpt-image-2", format="webp", **options, extra=vendor_options
        ),
        json_reply(IMAGES),
    )
    assert_equal_images(ours, theirs)


def test_image_edits(compare, vendor, sdk_client, budwood_client):
    """
    The form with several images and a mask has the same fields, files and media types.
    """
    names = ["a.png", "b.png"]
    options = {"size": "1024x1024", "quality": "low"}
    theirs, ours = compare(
        lambda: sdk_client.images.edit(
            model="gpt-image-1.5",
            prompt="a hat",
            image=[(name, PNG, "image/png") for name in names],
            mask=("mask.png", PNG, "image/png"),
            input_fidelity="high",
            **options,
        ),
        lambda: budwood_client.edit_image(
            "a hat",
            [ImagePart(data=PNG, name=name) for name in names],
            mask=ImagePart(data=PNG, name="mask.png"),
            model=f"{vendor}/gpt-image-1.5",
            extra={"input_fidelity": "high"},
            **options,
        ),
        json_reply(IMAGES),
    )
    assert_equal_images(ours, theirs)


def test_edits_of_one_image(compare, vendor, sdk_client, budwood_client):
    """
    A single image is a field without brackets.
    """
    theirs, ours = compare(
        lambda: sdk_client.images.edit(model="gpt-image-2", prompt="a hat", image=("image.png", PNG, "image/png"), n=1),
        lambda: budwood_client.edit_image("a hat", IMAGE, model=f"{vendor}/gpt-image-2", n=1),
        json_reply(IMAGES),
    )
    assert_equal_images(ours, theirs)


def image_events(kind):
    """
    Return the events of a stream with an unfinished image and the finished one.
    """
    common = {"b64_json": ENCODED, "created_at": 1, "size": "1024x1024", "quality": "low", "background": "opaque"}
    return [
        {"type": f"{kind}.partial_image", "partial_image_index": 0, "output_format": "png", **common},
        {"type": f"{kind}.completed", "output_format": "png", "usage": IMAGE_USAGE, **common},
    ]


@pytest.mark.parametrize("kind", ["image_generation", "image_edit"])
def test_streamed_images(compare, vendor, sdk_client, budwood_client, kind):
    """
    Streams are requested equally, and have the same images and usage.
    """
    is_edit = kind == "image_edit"
    options = {"model": "gpt-image-2", "prompt": "a hat", "partial_images": 1}

    def ask_sdk():
        if is_edit:
            stream = sdk_client.images.edit(image=("image.png", PNG, "image/png"), stream=True, **options)
        else:
            stream = sdk_client.images.generate(stream=True, **options)
        return list(stream)

    def ask_budwood():
        images = [IMAGE] if is_edit else None
        with budwood_client.stream_image("a hat", images, model=f"{vendor}/gpt-image-2", partial_images=1) as stream:
            return list(stream), stream.response

    theirs, (events, response) = compare(ask_sdk, ask_budwood, event_reply(image_events(kind), end=b""))
    assert [event.image.data for event in events] == [base64.b64decode(event.b64_json) for event in theirs]
    assert [event.partial for event in events] == [event.type.endswith("partial_image") for event in theirs]
    assert response.usage.output_tokens == theirs[-1].usage.output_tokens


def test_filtered_images(compare, vendor, sdk_client, budwood_client):
    """
    A reply that is empty for the SDK is an error.
    """

    def ask_budwood():
        with pytest.raises(ContentFilterError):
            budwood_client.image("a cat", model=f"{vendor}/gpt-image-2")

    theirs, _ = compare(
        lambda: sdk_client.images.generate(model="gpt-image-2", prompt="a cat"),
        ask_budwood,
        json_reply({"created": 1, "data": []}),
    )
    assert theirs.data == []


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_speech(compare, vendor, sdk_client, budwood_client, name):
    """
    All parameters and formats of speech are sent equally; samples get a header.
    """
    content = b"\1\0\2\0" if name == "pcm" else WAVE
    options = {"voice": "coral", "speed": 1.25, "instructions": "Whisper."}
    theirs, ours = compare(
        lambda: (
            sdk_client.audio.speech.create(
                model="gpt-4o-mini-tts", input="Hello", response_format=name, **options
            ).content
        ),
        lambda: budwood_client.speak("Hello", model=f"{vendor}/gpt-4o-mini-tts", format=name, **options),
        reply(200, content, content_type=f"audio/{name}"),
    )
    assert ours.audio.data.endswith(theirs)
    assert ours.audio.data[: -len(theirs)][:4] in ((b"RIFF",) if name == "pcm" else (b"",))


def test_streamed_speech(compare, openai_client, budwood_client):
    """
    Events with audio are requested equally, and joined to the same audio.
    """
    halves = [base64.b64encode(half).decode() for half in (WAVE[:20], WAVE[20:])]
    events = [{"type": "speech.audio.delta", "audio": half} for half in halves]
    events.append({"type": "speech.audio.done", "usage": TOKENS})
    options = {"voice": "coral", "input": "Hello", "model": "gpt-4o-mini-tts"}

    def ask_budwood():
        with budwood_client.stream_speech("Hello", model="openai/gpt-4o-mini-tts", voice="coral") as stream:
            return b"".join(event.data for event in stream), stream.response

    theirs, (audio, response) = compare(
        lambda: openai_client.audio.speech.create(stream_format="sse", **options).text, ask_budwood, event_reply(events)
    )
    assert all(half in theirs for half in halves)
    assert audio == WAVE
    assert response.usage.output_tokens == 3


JSON_TRANSCRIPT = {"text": "Hello there.", "usage": TOKENS}
WORDS = [{"word": "Hello", "start": 0.0, "end": 0.5}, {"word": "there", "start": 0.5, "end": 1.5}]
SEGMENT = {"id": 0, "start": 0.0, "end": 1.5, "text": " Hello there.", "avg_logprob": -0.1}
VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 1.5,
    "text": "Hello there.",
    "segments": [SEGMENT],
    "words": WORDS,
    "usage": {"type": "duration", "seconds": 2},
}
SPOKEN = {"type": "transcript.text.segment", "id": "seg_1", "speaker": "A", "start": 0.0, "end": 1.5}
DIARIZED = {
    "task": "transcribe",
    "duration": 1.5,
    "text": "Hello there.",
    "segments": [{**SPOKEN, "text": "Hello there."}],
    "usage": TOKENS,
}


def transcribe_both(compare, sdk_client, ask, *replies, **options):
    """
    Transcribe with both.
    """
    return compare(lambda: sdk_client.audio.transcriptions.create(file=FILE, **options), ask, *replies)


def test_transcripts(compare, vendor, sdk_client, budwood_client):
    """
    The language, the prompt and parameters that only the vendor has are sent equally.
    """
    common = {"language": "en", "prompt": "Greetings", "temperature": 0.5}
    extra = {"include": ["logprobs"], "chunking_strategy": "auto"}
    theirs, ours = transcribe_both(
        compare,
        sdk_client,
        lambda: budwood_client.transcribe(AUDIO, model=f"{vendor}/gpt-4o-transcribe", **common, extra=extra),
        json_reply(JSON_TRANSCRIPT),
        model="gpt-4o-transcribe",
        **common,
        **extra,
    )
    assert ours.text == theirs.text
    assert ours.usage.total_tokens == theirs.usage.total_tokens


def test_nested_parameters_of_transcripts(compare, openai_client, budwood_client):
    """
    Objects and lists in a form have the names that the SDK gives them.
    """
    detection = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200}
    extra = {"chunking_strategy": detection, "languages": ["en", "de"], "keywords": ["Budwood"]}
    transcribe_both(
        compare,
        openai_client,
        lambda: budwood_client.transcribe(AUDIO, model="openai/gpt-transcribe", extra=extra),
        json_reply(JSON_TRANSCRIPT),
        model="gpt-transcribe",
        **extra,
    )


@pytest.mark.parametrize("granularities", [["segment"], ["word", "segment"]])
def test_transcripts_with_times(compare, vendor, sdk_client, budwood_client, granularities):
    """
    Times are requested in the format that has them, and read equally.
    """
    theirs, ours = transcribe_both(
        compare,
        sdk_client,
        lambda: budwood_client.transcribe(AUDIO, model=f"{vendor}/whisper-1", timestamps=granularities),
        json_reply(VERBOSE),
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=granularities,
    )
    assert [(one.text, one.start, one.end) for one in ours.segments] == [
        (one.text.strip(), one.start, one.end) for one in theirs.segments
    ]
    assert [(one.word, one.start, one.end) for one in ours.words] == [
        (one.word, one.start, one.end) for one in theirs.words
    ]
    assert (ours.language, ours.seconds) == (theirs.language, theirs.duration)


@pytest.mark.parametrize(
    ("name", "body"), [("text", "Hello there.\n"), ("srt", SUBTITLES), ("vtt", "WEBVTT\n\n" + SUBTITLES[2:])]
)
def test_transcripts_as_text(compare, openai_client, budwood_client, name, body):
    """
    Text and subtitles are requested equally, and are whole in the reply.
    """
    theirs, ours = transcribe_both(
        compare,
        openai_client,
        lambda: budwood_client.transcribe(AUDIO, model="openai/whisper-1", extra={"response_format": name}),
        reply(200, body.replace(",", ".") if name == "vtt" else body, content_type="text/plain"),
        model="whisper-1",
        response_format=name,
    )
    assert ours.raw == theirs
    assert ours.text == "Hello there."


def test_transcripts_with_speakers(compare, openai_client, budwood_client):
    """
    Speakers are requested in the format that has them; examples of their voices are sent equally.
    """
    references = ["data:audio/wav;base64," + base64.b64encode(WAVE).decode()]
    extra = {"known_speaker_names": ["Ann"], "known_speaker_references": references, "chunking_strategy": "auto"}
    theirs, ours = transcribe_both(
        compare,
        openai_client,
        lambda: budwood_client.transcribe(AUDIO, model="openai/gpt-4o-transcribe-diarize", diarize=True, extra=extra),
        json_reply(DIARIZED),
        model="gpt-4o-transcribe-diarize",
        response_format="diarized_json",
        **extra,
    )
    assert [(one.text, one.speaker) for one in ours.segments] == [(one.text, one.speaker) for one in theirs.segments]


def test_streamed_transcripts(compare, vendor, sdk_client, budwood_client):
    """
    Streams are requested equally, and have the same text, segments and usage.
    """
    events = [
        {"type": "transcript.text.delta", "delta": "Hello"},
        {"type": "transcript.text.delta", "delta": " there."},
        {**SPOKEN, "text": "Hello there."},
        {"type": "transcript.text.done", "text": "Hello there.", "usage": TOKENS},
    ]

    def ask_budwood():
        with budwood_client.stream_transcription(AUDIO, model=f"{vendor}/gpt-4o-transcribe") as stream:
            return list(stream), stream.response

    theirs, (found, response) = compare(
        lambda: list(sdk_client.audio.transcriptions.create(file=FILE, model="gpt-4o-transcribe", stream=True)),
        ask_budwood,
        event_reply(events, named=False),
    )
    assert [event.text for event in found[:2]] == [event.delta for event in theirs[:2]]
    assert (found[2].segment.text, found[2].segment.speaker) == (theirs[2].text, theirs[2].speaker)
    assert (response.text, response.usage.total_tokens) == (theirs[3].text, theirs[3].usage.total_tokens)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_translations(compare, vendor, sdk_client, budwood_client):
    """
    Translations with times are requested and read equally.
    """
    theirs, ours = compare(
        lambda: sdk_client.audio.translations.create(
            file=FILE, model="whisper-1", prompt="Greetings", response_format="verbose_json"
        ),
        lambda: budwood_client.translate_audio(
            AUDIO, model=f"{vendor}/whisper-1", prompt="Greetings", timestamps=["segment"]
        ),
        json_reply({**VERBOSE, "task": "translate"}),
    )
    assert (ours.text, ours.seconds, ours.language) == (theirs.text, theirs.duration, theirs.language)
