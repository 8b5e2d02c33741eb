"""OpenAI's SDK, as users set it up for xAI and OpenRouter, and Budwood send equal requests with media."""

from __future__ import annotations

import base64

import pytest

from budwood.types import AudioPart, DocumentPart, ImagePart, Message, VideoPart
from tests.contract import sdk, sdk_media
from tests.contract.sdk_media import PDF, PNG, WAVE, json_reply

openai = sdk.import_sdk("openai", "openai")

ENCODED = base64.b64encode(PNG).decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}}
COMPLETION = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}],
}


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return openai.OpenAI(api_key="test", base_url=f"{url}/v1", max_retries=0)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    settings = {"base_url": f"{url}/v1", "api_key": "test"}
    return sdk_media.make_client(xai=settings, openrouter=settings)


def test_images_of_xai(compare, sdk_client, budwood_client):
    """
    New images have the parameters of the vendor, and its reply, without a time, is read equally.
    """
    theirs, ours = compare(
        lambda: sdk_client.images.generate(
            model="grok-imagine-image",
            prompt="a cat",
            n=2,
            response_format="b64_json",
            extra_body={"aspect_ratio": "16:9"},
        ),
        lambda: budwood_client.image(
            "a cat", model="xai/grok-imagine-image", n=2, size="16:9", extra={"response_format": "b64_json"}
        ),
        json_reply({"data": [{"b64_json": ENCODED}], "usage": {"cost_in_usd_ticks": 200000000}}),
    )
    assert ours.image.data == base64.b64decode(theirs.data[0].b64_json)


@pytest.mark.parametrize("model", ["xai/grok-5", "openrouter/openai/gpt-5"])
def test_images_of_messages(compare, sdk_client, budwood_client, model):
    """
    Images are encoded equally.
    """
    content = [{"type": "text", "text": "Look"}, IMAGE]
    compare(
        lambda: sdk_client.chat.completions.create(
            model=model.partition("/")[2], messages=[{"role": "user", "content": content}]
        ),
        lambda: budwood_client.ask([Message.user("Look", ImagePart(data=PNG))], model=model),
        json_reply(COMPLETION),
    )


def test_media_of_openrouter(compare, sdk_client, budwood_client):
    """
    Audio, documents and videos are encoded equally.
    """
    url = "https://example.org/a.pdf"
    content = [
        {"type": "text", "text": "Look"},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(WAVE).decode(), "format": "wav"}},
        {
            "type": "file",
            "file": {
                "filename": "a.pdf",
                "file_data": f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}",
            },
        },
        {"type": "file", "file": {"filename": "a.pdf", "file_data": url}},
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
    ]
    message = Message.user(
        "Look",
        AudioPart(data=WAVE),
        DocumentPart(data=PDF, name="a.pdf"),
        DocumentPart(url=url, name="a.pdf"),
        VideoPart(url="https://example.org/a.mp4"),
    )
    theirs, ours = compare(
        lambda: sdk_client.chat.completions.create(
            model="google/gemini-3.8-flash", messages=[{"role": "user", "content": content}]
        ),
        lambda: budwood_client.ask([message], model="openrouter/google/gemini-3.8-flash"),
        json_reply(COMPLETION),
    )
    assert ours.text == theirs.choices[0].message.content
