from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ContentFilterError, UnsupportedError
from budwood.types import ImagePart
from budwood_testing import sse
from tests.plugins.gemini.replies import inline, reply, text

MODEL = "gemini-3.1-flash-image"
PNG = b"\x89PNG\r\n\x1a\n"


def test_an_image(client_of, scripted):
    """
    It has the content, the media type, the usage and the signature, without an adaptation.
    """
    scripted.reply(200, reply(text("Here: "), inline("image/png", PNG, thoughtSignature="S")))
    response = client_of(MODEL).image("a cat", size="16:9", seed=7)

    assert (response.image.data, response.image.media_type) == (PNG, "image/png")
    assert (response.usage.total_tokens, response.id, response.model) == (12, "r1", "gemini-9")
    assert response.image.vendor_data == {"thoughtSignature": "S"}
    assert response.adaptations == ()
    assert scripted.sent() == {
        "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "16:9"},
            "seed": 7,
        },
    }


def test_the_content_is_not_in_raw_as_well(client_of, scripted):
    """
    What the vendor says besides the image remains.
    """
    scripted.reply(200, reply(text("Here."), inline("image/png", PNG)))
    raw = client_of(MODEL).image("a cat").raw

    assert raw["candidates"][0]["content"]["parts"] == [{"text": "Here."}, {"inlineData": {"mimeType": "image/png"}}]


@pytest.mark.parametrize(
    ("size", "config", "changed"),
    [
        ("2K", {"imageSize": "2K"}, False),
        ("1K", {"imageSize": "1K"}, False),
        ("21:9", {"aspectRatio": "21:9"}, False),
        ("1024x1024", {"aspectRatio": "1:1"}, False),
        ("4096x4096", {"aspectRatio": "1:1", "imageSize": "4K"}, False),
        ("1920x1080", {"aspectRatio": "16:9"}, True),
        ("1080x1920", {"aspectRatio": "9:16"}, True),
        ("3840X2160", {"aspectRatio": "16:9", "imageSize": "2K"}, True),
        ("500x333", {"aspectRatio": "3:2", "imageSize": "512"}, True),
        ("0x5", {"imageSize": "0x5"}, False),
    ],
)
def test_sizes(client_of, scripted, size, config, changed):
    """
    Pixels become the nearest ratio and class, which the response reports unless they are equal.
    """
    scripted.reply(200, reply(inline("image/png", PNG)))
    response = client_of(MODEL).image("a cat", size=size)

    assert scripted.sent()["generationConfig"]["imageConfig"] == config
    assert [adaptation.parameter for adaptation in response.adaptations] == (["size"] if changed else [])


def test_images_are_changed(client_of, scripted):
    """
    The images follow the prompt; one that a model has made has no signature there.
    """
    scripted.reply(200, reply(inline("image/png", PNG, thoughtSignature="S")))
    scripted.reply(200, reply(inline("image/png", PNG)))
    client = client_of(MODEL)
    first = client.image("a cat").image
    client.edit_image("a hat on it", [first, ImagePart(data=b"\xff\xd8\xff", media_type="image/jpeg")])

    assert scripted.sent()["contents"] == [
        {
            "role": "user",
            "parts": [text("a hat on it"), inline("image/png", PNG), inline("image/jpeg", b"\xff\xd8\xff")],
        }
    ]


def test_parameters_without_a_place_are_adapted(client_of, scripted):
    """
    The response lists them; one image is no reason.
    """
    scripted.reply(200, reply(inline("image/png", PNG)))
    options = {"n": 2, "quality": "high", "format": "webp", "background": "opaque"}
    response = client_of(MODEL).image("a cat", **options)

    assert {adaptation.parameter for adaptation in response.adaptations} == options.keys()
    assert scripted.sent()["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}


def test_a_mask_is_an_error(client_of, scripted):
    """
    Without it the whole image could change, so that nothing is sent.
    """
    image = ImagePart(data=PNG, media_type="image/png")
    with pytest.raises(UnsupportedError, match="does not support masks"):
        client_of(MODEL).edit_image("a hat", image, mask=image)
    assert scripted.calls == []


def test_drafts_and_images_are_streamed(client_of, scripted):
    """
    Images among the thoughts are partial, and not part of the response.
    """
    draft = reply(inline("image/png", b"draft", thought=True), finish=None)
    scripted.reply(200, chunks=sse(draft, reply(text("Here: "), inline("image/png", PNG)), done=False))
    with client_of(MODEL).stream_image("a cat") as stream:
        events = [(event.partial, event.index, event.image.data) for event in stream]

    assert events == [(True, 0, b"draft"), (False, 0, PNG)]
    assert [image.data for image in stream.response.images] == [PNG]
    assert (stream.response.usage.total_tokens, stream.response.model) == (12, "gemini-9")
    assert scripted.calls[0].url.endswith(":streamGenerateContent?alt=sse")


def draw(client, *, streaming):
    """
    Ask for an image, complete or streamed.
    """
    if not streaming:
        return client.image("a cat")
    with client.stream_image("a cat") as stream:
        list(stream)
    return stream.response


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (reply(text("I cannot draw that.")), (BadResponseError, "no image, but a text: I cannot draw that")),
        (reply(text("I cannot."), finish="SAFETY"), (ContentFilterError, r"SAFETY \(I cannot\.\)")),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, (ContentFilterError, "IMAGE_SAFETY")),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, (ContentFilterError, "PROHIBITED_CONTENT")),
    ],
)
def test_a_reply_without_an_image_is_an_error(client_of, scripted, streaming, payload, error):
    """
    It is not retried, since each attempt is paid for.
    """
    kind, message = error
    scripted.reply(200, chunks=sse(payload, done=False) if streaming else [json.dumps(payload).encode()])
    with pytest.raises(kind, match=message):
        draw(client_of(MODEL), streaming=streaming)
    assert len(scripted.calls) == 1


@pytest.mark.parametrize(
    ("model", "ask", "message"),
    [
        ("gemini-3.8-flash", lambda client: client.image("a cat"), "does not generate images"),
        ("gemini-3.8-flash", lambda client: client.speak("Hi"), "does not generate speech"),
        ("gemini-3.8-flash-tts", lambda client: client.ask("Hi"), "a speech model.*client.speak"),
        ("gemini-omni-1.1-flash", lambda client: client.ask("Hi"), "a video model.*client.video"),
        (MODEL, lambda client: client.transcribe(b"RIFF\0\0\0\0WAVE"), "does not transcribe speech"),
    ],
)
def test_a_model_of_another_kind_is_an_error(client_of, scripted, model, ask, message):
    """
    Nothing is sent.
    """
    with pytest.raises(UnsupportedError, match=message):
        ask(client_of(model))
    assert scripted.calls == []
