"""The routes for images, with OpenAI's SDK, a gateway, and a vendor on loopback."""

from __future__ import annotations

import base64
import json

import httpx
import openai
import pytest

from tests.contract.sdk_media import PNG, event_reply, json_reply, parse_sent
from tests.plugins.server.keys import TOKEN
from tests.plugins.server.media_fixtures import client, gateway, vendor, vendor_server
from tests.servers import WAIT_FOR_CLOSE, reply

__all__ = ["client", "gateway", "vendor", "vendor_server"]

ENCODED = base64.b64encode(PNG).decode()
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    "output_tokens": 272,
    "total_tokens": 282,
}
IMAGES = {
    "created": 1,
    "data": [{"b64_json": ENCODED, "revised_prompt": "a grey cat"}],
    "size": "1x1",
    "quality": "high",
    "background": "opaque",
    "output_format": "png",
    "usage": USAGE,
}
GEMINI_IMAGE = {
    "candidates": [
        {
            "content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": ENCODED}}], "role": "model"},
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1120, "totalTokenCount": 1124},
    "modelVersion": "gemini-3-pro-image",
}


def post(url, body, **headers):
    """
    Send a request in JSON.
    """
    return httpx.post(url, json=body, headers={"authorization": f"Bearer {TOKEN}", **headers})


def test_openai_gets_every_field_and_its_reply_arrives_unchanged(vendor, client):
    """
    Toward a vendor of the same API all fields arrive, also those that only it knows, and zero is a value.
    """
    vendor.play(json_reply(IMAGES))
    fields = {"n": 2, "size": "1024x1024", "quality": "high", "background": "opaque", "output_format": "png"}
    of_vendor = {"moderation": "low", "output_compression": 0, "user": "u1", "style": "vivid"}

    reply = client.images.generate(model="openai/gpt-image-2", prompt="a cat", **fields, **of_vendor)

    assert parse_sent(vendor.requests[0]).body == {"model": "gpt-image-2", "prompt": "a cat", **fields, **of_vendor}
    assert reply.to_dict() == IMAGES


def test_url_stays_a_url(vendor, client):
    """
    An image that the vendor returns at a URL is not downloaded, unless base64 is asked for.
    """
    vendor.play(json_reply({"created": 1, "data": [{"url": f"{vendor.url}/cat.png"}]}))

    reply = client.images.generate(model="openai/gpt-image-2", prompt="a cat")

    assert reply.data[0].url == f"{vendor.url}/cat.png"
    assert len(vendor.requests) == 1


def test_form_is_passed_on_with_its_files(vendor, client):
    """
    Several images and a mask arrive at the vendor byte for byte, with names, media types and all fields.
    """
    vendor.play(json_reply(IMAGES))
    large = PNG + bytes(3_000_000)

    client.images.edit(
        model="openai/gpt-image-1.5",
        prompt="a hat",
        image=[("a.png", PNG, "image/png"), ("b.png", large, "image/png")],
        mask=("mask.png", PNG, "image/png"),
        input_fidelity="high",
        n=2,
        size="1024x1024",
    )

    sent = {(field.name, field.filename): field for field in parse_sent(vendor.requests[0]).body}
    assert sent["image[]", "a.png"].content == PNG
    assert sent["image[]", "b.png"].content == large
    assert sent["mask", "mask.png"].content_type == "image/png"
    assert {name: field.content for (name, _), field in sent.items() if field.filename is None} == {
        "model": b"gpt-image-1.5",
        "prompt": b"a hat",
        "input_fidelity": b"high",
        "n": b"2",
        "size": b"1024x1024",
    }


def test_edit_in_json_refers_to_images(vendor, gateway):
    """
    URLs of images arrive in JSON.
    """
    vendor.play(json_reply(IMAGES))
    images = [{"image_url": "https://example.com/cat.png"}, {"image_url": f"data:image/png;base64,{ENCODED}"}]

    reply = post(f"{gateway}/images/edits", {"model": "openai/gpt-image-1.5", "prompt": "a hat", "images": images})

    assert reply.status_code == 200
    assert vendor.requests[0].json["images"] == images


def test_path_is_no_url(vendor, gateway):
    """
    No client gets the gateway to read a file of its machine.
    """
    body = {"model": "openai/gpt-image-1.5", "prompt": "a hat", "images": [{"image_url": "/etc/passwd"}]}

    reply = post(f"{gateway}/images/edits", body)

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "images[0].image_url"
    assert vendor.requests == []


def test_another_api_gets_a_translated_request(vendor, client):
    """
    Gemini's image arrives in OpenAI's form; what was left out is in a header.
    """
    vendor.play(json_reply(GEMINI_IMAGE))

    raw = client.images.with_raw_response.generate(
        model="gemini/gemini-3-pro-image", prompt="a cat", moderation="low", user="u1"
    )

    reply = raw.parse()
    assert base64.b64decode(reply.data[0].b64_json) == PNG
    assert reply.usage.output_tokens == 1120
    assert "dropped moderation" in raw.headers["x-budwood-adaptations"]
    assert "user" not in raw.headers["x-budwood-adaptations"]


def test_on_unsupported_error_names_the_field(vendor, client):
    """
    A request that wants errors gets one that names the field, and nothing is sent.
    """
    with pytest.raises(openai.BadRequestError) as error:
        client.images.generate(
            model="gemini/gemini-3-pro-image",
            prompt="a cat",
            moderation="low",
            extra_body={"budwood": {"on_unsupported": "error"}},
        )

    assert error.value.param == "moderation"
    assert vendor.requests == []


def test_stream_has_partial_images_and_ends_with_the_usage(vendor, client):
    """
    Partial images are numbered, and the complete one has the vendor's usage.
    """
    shown = {"size": "1x1", "quality": "low", "background": "opaque", "output_format": "png", "created_at": 7}
    vendor.play(
        event_reply(
            [
                {"type": "image_generation.partial_image", "b64_json": ENCODED, "partial_image_index": 0, **shown},
                {"type": "image_generation.partial_image", "b64_json": ENCODED, "partial_image_index": 1, **shown},
                {"type": "image_generation.completed", "b64_json": ENCODED, "usage": USAGE, **shown},
            ],
            end=b"",
        )
    )

    stream = client.images.generate(model="openai/gpt-image-2", prompt="a cat", stream=True, partial_images=2)
    events = list(stream)

    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image", "partial_image", "completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert base64.b64decode(events[2].b64_json) == PNG
    assert events[2].usage.output_tokens == 272
    assert (events[2].quality, events[2].created_at) == ("low", 7)
    assert vendor.requests[0].json["partial_images"] == 2


def test_failure_in_a_stream_is_an_error(vendor, client):
    """
    An error event of the vendor after the first image reaches the program as an error.
    """
    partial = {"type": "image_generation.partial_image", "b64_json": ENCODED, "partial_image_index": 0}
    vendor.play(event_reply([partial, {"type": "error", "error": {"message": "It burned.", "code": "boom"}}], end=b""))

    with pytest.raises(openai.APIError, match="It burned"):
        list(client.images.generate(model="openai/gpt-image-2", prompt="a cat", stream=True))


def test_vendors_error_has_its_param(vendor, client):
    """
    The vendor's refusal of a field arrives with field and code.
    """
    error = {"message": "Unknown parameter: 'style'.", "type": "invalid_request_error", "param": "style"}
    vendor.play(
        reply(400, json.dumps({"error": error | {"code": "unknown_parameter"}}), content_type="application/json")
    )

    with pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(model="openai/gpt-image-2", prompt="a cat", style="vivid")

    assert (raised.value.param, raised.value.code) == ("style", "unknown_parameter")


def test_leaving_cancels_the_vendors_call(vendor, gateway):
    """
    A client that leaves while the vendor works ends the call of the vendor.
    """
    vendor.play(WAIT_FOR_CLOSE)

    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{gateway}/images/generations",
            json={"model": "openai/gpt-image-2", "prompt": "a cat"},
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=0.5,
        )

    assert vendor.closed_by_client.wait(10)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "openai/gpt-image-2"}, "prompt"),
        ({"prompt": "a cat"}, "model"),
        ({"model": "openai/gpt-image-2", "prompt": "a", "stream": "yes"}, "stream"),
        ({"model": "openai/gpt-image-2", "prompt": "a", "response_format": "jpeg"}, "response_format"),
    ],
)
def test_invalid_field_is_named(gateway, body, param):
    """
    A request that is not valid gets a 400 that names the field.
    """
    reply = post(f"{gateway}/images/generations", body)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_variations_say_what_to_use(gateway):
    """
    Variations, which no vendor has any more, are a 404 with a hint.
    """
    reply = post(f"{gateway}/images/variations", {})

    assert reply.status_code == 404
    assert "images/edits" in reply.json()["error"]["hint"]
