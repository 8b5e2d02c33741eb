"""Images through a client of a server with OpenAI's API."""

from __future__ import annotations

import base64
import json

import pytest

from budwood import Client
from budwood.errors import BadResponseError, ContentFilterError, InvalidRequestError, UnsupportedError
from budwood.types import ImagePart, ImageRequest
from budwood_testing import sse

PIXEL = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVQYV2NgAAIAAAUAAarVyFEAAAAASUVORK5CYII="
)
B64 = base64.b64encode(PIXEL).decode()
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "output_tokens_details": {"image_tokens": 4}}


@pytest.fixture
def client(scripted, clock):
    """
    A client of OpenAI.
    """
    with Client("openai/gpt-image-2", api_key="k", transport=scripted, clock=clock, cache=False) as created:
        yield created


@pytest.mark.parametrize(
    "row", [{"b64_json": B64}, {"url": f"data:image/png;base64,{B64}"}], ids=["base64", "data URL"]
)
def test_image_is_decoded_from_each_form(client, scripted, tmp_path, row):
    """
    Base64 and a data URL become the bytes, with their type and size, whatever the reply says of these.
    """
    scripted.reply(body={"created": 1, "data": [row | {"revised_prompt": "A cat."}], "size": "1x2", "usage": USAGE})

    reply = client.image("a cat", n=1, size="1024x1024", quality="low", format="png", background="opaque")

    assert scripted.sent(0) == {
        "model": "gpt-image-2",
        "prompt": "a cat",
        "n": 1,
        "size": "1024x1024",
        "quality": "low",
        "output_format": "png",
        "background": "opaque",
    }
    assert (reply.image.data, reply.image.media_type, reply.image.revised_prompt) == (PIXEL, "image/png", "A cat.")
    assert (reply.image.width, reply.image.height) == (1, 1)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (3, 4)
    assert reply.save(tmp_path / "cat.png").read_bytes() == PIXEL


def test_zero_is_a_value(client, scripted):
    """
    A field that is zero is sent, or listed as dropped, as any other number.
    """
    scripted.reply(body={"data": [{"b64_json": B64}]})

    reply = client.image("a cat", seed=0)

    assert ("seed" in scripted.sent(0)) != ("seed" in [each.parameter for each in reply.adaptations])


@pytest.mark.parametrize(
    ("ratio", "size"), [("1:1", "1024x1024"), ("16:9", "1536x1024"), ("2:3", "1024x1536"), ("9:16", "1024x1536")]
)
def test_aspect_ratio_becomes_a_size(client, scripted, ratio, size):
    """
    The API takes only pixels. The change is listed.
    """
    scripted.reply(body={"data": [{"b64_json": B64}]})

    reply = client.image("a cat", size=ratio)

    assert scripted.sent(0)["size"] == size
    assert [(each.parameter, each.action) for each in reply.adaptations] == [("size", "changed")]


def test_parameters_that_the_model_rejects_are_not_sent(client, scripted):
    """
    A seed is dropped for OpenAI's models, and listed in the adaptations.
    """
    scripted.reply(body={"data": [{"b64_json": B64}]})

    reply = client.image("a cat", seed=7)

    assert "seed" not in scripted.sent(0)
    assert [(one.parameter, one.action) for one in reply.adaptations] == [("seed", "dropped")]


def test_compatible_server_gets_the_seed(scripted, clock):
    """
    A server whose models are not known gets all parameters.
    """
    scripted.reply(body={"data": [{"b64_json": B64, "seed": 7}]})
    row = {"plugin": "openai-compatible", "base_url": "http://localhost:8000/v1"}
    settings = {"providers": {"local": row}}
    with Client("local/flux", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        reply = client.image("a cat", seed=7, extra={"steps": 4})

    assert scripted.sent(0) == {"model": "flux", "prompt": "a cat", "seed": 7, "steps": 4}
    assert reply.image.seed == 7


def test_edit_is_a_form_with_the_files(client, scripted, tmp_path):
    """
    Images from bytes and from a path, and the mask, are files of a form, byte for byte.
    """
    path = tmp_path / "b.png"
    path.write_bytes(PIXEL)
    scripted.reply(body={"data": [{"b64_json": B64}]})

    client.edit_image("blue", [PIXEL, path], mask=PIXEL, size="1024x1024", extra={"svg": {"model": "m"}})

    fields = scripted.sent_form(0)
    assert scripted.calls[0].url.endswith("/images/edits")
    assert [(field.name, field.content_type, field.content) for field in fields if field.filename] == [
        ("image[]", "image/png", PIXEL),
        ("image[]", "image/png", PIXEL),
        ("mask", "image/png", PIXEL),
    ]
    assert all(field.filename.endswith(".png") for field in fields if field.filename)
    assert {field.name: field.content for field in fields if not field.filename} == {
        "model": b"gpt-image-2",
        "prompt": b"blue",
        "size": b"1024x1024",
        "svg[model]": b"m",
    }


def test_edit_of_stored_and_linked_images_is_json(client, scripted):
    """
    URLs and ids are passed on in a body that is JSON.
    """
    scripted.reply(body={"data": [{"b64_json": B64}]})
    images = [ImagePart(url="https://images.example/a.png"), ImagePart(file_id="file-1")]

    client.edit_image("blue", images, mask=ImagePart(file_id="file-2"))

    assert scripted.sent(0)["images"] == [{"image_url": "https://images.example/a.png"}, {"file_id": "file-1"}]
    assert scripted.sent(0)["mask"] == {"file_id": "file-2"}


def test_stream_shows_unfinished_images(client, scripted):
    """
    Partial images arrive marked, before the finished one with the usage.
    """
    scripted.reply(
        headers={"content-type": "text/event-stream"},
        chunks=sse(
            {"type": "image_generation.partial_image", "b64_json": B64, "partial_image_index": 0, "size": "1x2"},
            {"type": "image_generation.completed", "b64_json": B64, "usage": USAGE, "output_format": "png"},
        ),
    )

    with client.stream_image("a cat", partial_images=1) as stream:
        events = list(stream)

    assert (scripted.sent(0)["stream"], scripted.sent(0)["partial_images"]) == (True, 1)
    assert [(event.index, event.partial, event.image.data) for event in events] == [(0, True, PIXEL), (0, False, PIXEL)]
    assert [image.data for image in stream.response.images] == [PIXEL]
    assert stream.response.usage.output_tokens == 4


def test_complete_reply_in_place_of_a_stream(client, scripted):
    """
    A server that ignores the wish for a stream sends all images at once, as finished.
    """
    scripted.reply(body={"data": [{"b64_json": B64}, {"b64_json": B64}], "usage": USAGE})

    with client.stream_image("a cat") as stream:
        assert [(event.index, event.partial) for event in stream] == [(0, False), (1, False)]
    assert len(stream.response.images) == 2


def test_error_inside_a_stream(client, scripted):
    """
    An event with an error becomes the same exception as a reply with it.
    """
    error = {"type": "image_generation_user_error", "code": "moderation_blocked", "message": "Rejected."}
    scripted.reply(headers={"content-type": "text/event-stream"}, chunks=sse({"type": "error", "error": error}))

    with client.stream_image("a cat") as stream, pytest.raises(ContentFilterError, match="Rejected"):
        list(stream)


@pytest.mark.parametrize("data", [[], [{"b64_json": None, "content_filter_results": {"sexual": {"filtered": True}}}]])
def test_reply_without_image_is_a_filter(client, scripted, data):
    """
    Status 200 without an image is an error of the content filter, with its results, and is not retried.
    """
    scripted.reply(body={"created": 1, "data": data})

    with pytest.raises(ContentFilterError) as caught:
        client.image("a cat")
    assert caught.value.stage == "output"
    assert bool(caught.value.categories) == bool(data)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "image_generation_user_error", "code": "moderation_blocked", "message": "no"}, ContentFilterError),
        ({"code": "contentFilter", "message": "no"}, ContentFilterError),
        (
            {"type": "image_generation_user_error", "code": "invalid_image_file", "param": "images[0].image_url"},
            InvalidRequestError,
        ),
    ],
    ids=["OpenAI", "Azure", "invalid file"],
)
def test_errors_of_images(client, scripted, body, kind):
    """
    Blocked prompts are errors of the content filter, and unreadable images are invalid requests.
    """
    scripted.reply(400, {"error": body})

    with pytest.raises(kind) as caught:
        client.image("a cat")
    assert caught.value.param == body.get("param")


def test_image_that_is_not_base64_is_a_bad_reply(client, scripted):
    """
    A broken image is an error of the reply, and not a crash.
    """
    scripted.reply(body={"data": [{"b64_json": "a"}]})

    with pytest.raises(Exception, match="not base64"):
        client.image("a cat")


def test_text_model_does_not_generate_images(scripted, clock):
    """
    A chat model is refused before anything is sent.
    """
    client = Client("openai/gpt-4o", api_key="k", transport=scripted, clock=clock)
    with client, pytest.raises(UnsupportedError, match="does not generate images"):
        client.image("a cat")
    assert scripted.calls == []


def test_large_file_is_not_read_by_the_encoder(new_provider, tmp_path):
    """
    The body of a form contains the path of an image, and so does JSON with a mask that is stored.
    """
    path = tmp_path / "large.png"
    path.write_bytes(PIXEL)
    image = ImagePart(path=path, media_type="image/png")
    form = new_provider().encode_image(ImageRequest(model="m", prompt="p", images=(image,)), stream=False)
    linked = new_provider().encode_image(
        ImageRequest(model="m", prompt="p", images=(image,), mask=ImagePart(file_id="f")), stream=False
    )

    assert [part.path for part in form.body if not isinstance(part, bytes)] == [path]
    assert [part.base64 for part in linked.body if not isinstance(part, bytes)] == [True]
    assert json.loads(b"".join(part if isinstance(part, bytes) else b"x" for part in linked.body))["mask"]


@pytest.mark.parametrize(
    ("content", "described"),
    [(b"hello this is text", "text that starts with 'hello"), (b"<html>Log in</html>", "HTML"), (b"%PDF-1.7", "pdf")],
)
def test_content_that_is_no_image_is_an_error(client, scripted, content, described):
    """
    It is not written to a file, and the request, which may be paid for, is not repeated.
    """
    scripted.reply(body={"data": [{"b64_json": base64.b64encode(content).decode()}]})

    with pytest.raises(BadResponseError, match=f"not an image but .*{described}") as caught:
        client.image("a cat")

    assert (caught.value.provider, len(caught.value.attempts)) == ("openai", 1)


def test_vector_image_is_text(client, scripted):
    """
    The server names its type.
    """
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    scripted.reply(body={"data": [{"b64_json": base64.b64encode(svg).decode(), "mime_type": "image/svg+xml"}]})

    assert client.image("a cat").image.read() == svg


def test_reply_without_the_field_of_images_is_not_of_this_api(client, scripted):
    """
    Nothing says that a filter removed the images, so that another prompt would not help.
    """
    scripted.reply(headers={"x-request-id": "req_1"}, body={})

    with pytest.raises(BadResponseError, match="has no 'data'") as caught:
        client.image("a cat")

    assert caught.value.request_id == "req_1"
