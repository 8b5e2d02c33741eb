"""Requests to the services of media: the files that they take, and the endpoints that they are sent to."""

from __future__ import annotations

import base64
import io
import json
import struct
import wave

import pytest

from budwood import Client, Image
from budwood.errors import ConfigurationError, PromptError, UnsupportedError
from budwood_testing import chat_reply
from tests.media import make_png, make_wav
from tests.plugins.media_images import make_image

PAGE = "https://files.test/media"
KEYS = {"providers": {name: {"api_key": "k"} for name in ("openai", "groq", "gemini", "xai", "mistral")}}


@pytest.fixture
def downloads(monkeypatch):
    """
    Replace downloads of URLs, and record them.
    """
    requested: list[str] = []

    def download(url, *, limit, seconds):
        requested.append(url)
        assert min(limit, seconds) > 0
        return make_wav() if url.endswith("wav") else make_png()

    monkeypatch.setattr("budwood.transports.downloads.download", download)
    return requested


def make_client(model, scripted, clock, **options):
    """
    Make a client with keys of several vendors.
    """
    return Client(model, transport=scripted, clock=clock, settings=KEYS, **options)


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("groq/whisper-large-v3", f"{PAGE}/a.wav"),
        ("mistral/voxtral-mini-latest", f"{PAGE}/a.wav"),
        ("xai/grok-stt", f"{PAGE}/a.wav"),
        ("gemini/gemini-2.5-flash", f"{PAGE}/a.wav"),
    ],
)
def test_url_of_audio_is_passed_on_to_vendors_that_fetch_it(scripted, clock, downloads, model, url):
    """
    Nothing is downloaded by us.
    """
    scripted.reply(400, {"error": {"message": "no"}})

    with make_client(model, scripted, clock) as client, pytest.raises(Exception, match="no"):
        client.transcribe(url)

    assert url.encode() in scripted.bodies[0]
    assert downloads == []


def test_images_at_urls_are_fetched_for_models_inside_the_process(downloads):
    """
    They have no vendor that could; the mask is fetched likewise.
    """
    with Client("offline/image") as client:
        reply = client.edit_image("Blue", f"{PAGE}/a.png", mask=f"{PAGE}/mask.png", size="64x48")

    assert reply.image.media_type == "image/png"
    assert sorted(downloads) == [f"{PAGE}/a.png", f"{PAGE}/mask.png"]


def test_url_of_another_kind_is_an_error(scripted, clock, downloads):
    """
    The content decides.
    """
    with (
        make_client("openai/whisper-1", scripted, clock) as client,
        pytest.raises(PromptError, match="is image/png, not audio"),
    ):
        client.transcribe(f"{PAGE}/a.png")

    assert scripted.calls == []
    assert len(downloads) == 1


def test_fallback_gets_its_own_model(scripted, clock):
    """
    The request of a service names the model of the endpoint that it is sent to.
    """
    encoded = base64.b64encode(make_png()).decode()
    scripted.reply(503, {"error": {"message": "down"}}).reply(body={"data": [{"b64_json": encoded}]})

    with make_client("openai/gpt-image-2", scripted, clock, retries=0, fallbacks=["xai/grok-imagine-image"]) as client:
        reply = client.image("A cat.")

    assert (reply.provider, reply.model) == ("xai", "grok-imagine-image")
    assert scripted.sent(1)["model"] == "grok-imagine-image"


@pytest.mark.parametrize("images", [None, [], ()])
def test_edit_without_an_image_is_an_error(scripted, clock, images):
    """
    It does not generate an image in place of changing one.
    """
    with (
        make_client("openai/gpt-image-2", scripted, clock) as client,
        pytest.raises(PromptError, match="There is no image to edit"),
    ):
        client.edit_image("Blue", images)

    assert scripted.calls == []


def test_mask_without_an_image_is_an_error(scripted, clock):
    """
    A mask is not dropped without notice.
    """
    with (
        make_client("openai/gpt-image-2", scripted, clock) as client,
        pytest.raises(ConfigurationError, match="edit_image"),
    ):
        client.image("Blue", mask=make_png())

    assert scripted.calls == []


@pytest.mark.parametrize("form", [bytearray, memoryview, lambda data: Image(data=data, media_type="image/png")])
def test_single_image_may_have_any_form(form):
    """
    Bytes are one image, not a sequence of numbers.
    """
    with Client("offline/image") as client:
        assert len(client.edit_image("Blue", form(make_png()), size="64x48").images) == 1


def test_empty_path_is_named(client):
    """
    It is not taken for the working folder.
    """
    with pytest.raises(PromptError, match="path of a file is empty"):
        client.ask("?", files=[""])


@pytest.mark.parametrize(
    ("model", "method", "hint"),
    [
        ("openai/gpt-5.1", "image", r"Call client.ask\(…\), or choose an image model, such as openai/gpt-image-"),
        ("openai/gpt-5.1", "translate_audio", "such as openai/whisper-1"),
        ("gemini/gemini-2.5-flash", "image", "such as gemini/gemini-3"),
        ("mistral/mistral-large-latest", "speak", "such as mistral/voxtral-mini-tts-latest"),
        ("xai/grok-4.3", "image", "such as xai/grok-imagine-image"),
        ("xai/grok-4.3", "transcribe", "such as xai/grok-stt"),
    ],
)
def test_model_of_another_kind_is_an_error_that_names_models(scripted, clock, model, method, hint):
    """
    They are names, not patterns, and nothing is sent.
    """
    argument = make_wav() if method in ("transcribe", "translate_audio") else "Hello."

    with make_client(model, scripted, clock) as client, pytest.raises(UnsupportedError, match=hint) as caught:
        getattr(client, method)(argument)

    assert "*" not in caught.value.hint
    assert scripted.calls == []


def test_images_have_the_size_of_their_content(scripted, clock):
    """
    Whether the vendor reports one or not, also if they are streamed.
    """
    encoded = base64.b64encode(make_png(64, 48)).decode()
    completed = {"type": "image_generation.completed", "b64_json": encoded}
    scripted.reply(body={"data": [{"b64_json": encoded}], "size": "auto"})
    scripted.reply(
        headers={"content-type": "text/event-stream"}, chunks=[f"data: {json.dumps(completed)}\n\n".encode()]
    )

    with make_client("openai/gpt-image-2", scripted, clock) as client:
        image = client.image("A cat.").image
        with client.stream_image("A cat.") as stream:
            list(stream)

    assert (image.width, image.height) == (64, 48)
    assert (stream.response.image.width, stream.response.image.height) == (64, 48)


def test_wave_files_have_their_duration(scripted, clock):
    """
    It is that of their samples, even if their header was written before them.
    """
    content = make_wav()
    streamed = content.replace(struct.pack("<4sI", b"data", len(content) - 44), b"data\xff\xff\xff\xff")
    scripted.reply(body=streamed, headers={"content-type": "audio/wav"})

    with make_client("openai/gpt-4o-mini-tts", scripted, clock) as client, wave.open(io.BytesIO(content)) as expected:
        audio = client.speak("Hello.", format="wav").audio

        assert audio.seconds == pytest.approx(expected.getnframes() / expected.getframerate())
    assert audio.read() == content


def test_image_is_scaled_to_what_a_request_contains(scripted, clock):
    """
    A vendor that stores no files for messages gets a smaller image, since base64 needs a third more bytes.
    """
    limits = {"groq/meta-llama/llama-4-*": {"media": {"image": {"request_bytes": 10_000}}}}
    scripted.reply(body=chat_reply("A cat."))

    with Client(
        "groq/meta-llama/llama-4-scout", transport=scripted, clock=clock, settings={**KEYS, "models": limits}
    ) as client:
        client.ask("?", files=[make_image("PNG", (400, 300))])

    url = scripted.sent()["messages"][-1]["content"][0]["image_url"]["url"]
    assert len(url.partition(",")[2]) <= 10_000
