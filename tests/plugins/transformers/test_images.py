"""Images in conversations with models in the process."""

from __future__ import annotations

import asyncio
import io
import shutil
import zlib

import pytest
from PIL import Image as Images

from budwood import AsyncClient, Client, Image
from budwood.errors import ConfigurationError, InvalidRequestError, PromptError, UnsupportedError
from budwood.types import Capability, ChatRequest, Message, TextDelta, ToolCallPart, ToolResultPart
from budwood_transformers.images import read_image
from budwood_transformers.prompts import encode_prompt
from tests.tiny_model import BYTES, SPECIAL
from tests.tiny_vision_model import IMAGE_TOKENS

OPTIONS = {"temperature": 0, "max_tokens": 12}


def make_image(colour, size=(20, 12), kind="PNG", **options):
    """
    Return an image of one colour.
    """
    file = io.BytesIO()
    Images.new("RGB", size, colour).save(file, kind, **options)
    return file.getvalue()


RED, BLUE = make_image("red"), make_image("blue")


@pytest.fixture
def client(vision_folder):
    """
    A client for a model that takes images, without a cache.
    """
    with Client(f"transformers/{vision_folder}", cache=False) as made:
        yield made


def test_pixels_reach_the_model(client):
    """
    Another image, or none, gives another text; the same image gives the same one.
    """
    red, again, blue = (client.ask("What is it?", files=[image], **OPTIONS).text for image in (RED, RED, BLUE))
    none = client.ask("What is it?", **OPTIONS).text

    assert red == again
    assert len({red, blue, none}) == 3


def test_reply_is_that_of_the_library(client, vision_folder):
    """
    The text and the number of tokens are those of the library's own processor and model for the same image.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(vision_folder)
    weights = AutoModelForImageTextToText.from_pretrained(vision_folder)
    image = Images.open(io.BytesIO(RED))
    inputs = processor(text=["<|user|><image>Hi<|end|><|assistant|>"], images=[image], return_tensors="pt")
    with torch.inference_mode():
        tokens = weights.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    reply = client.ask("Hi", files=[RED], **OPTIONS)

    assert reply.text == processor.tokenizer.decode(tokens, skip_special_tokens=True)
    assert reply.usage.input_tokens == inputs["input_ids"].shape[1]


def test_stream_gives_the_same_reply(client, vision_folder):
    """
    A stream gives the same text in several events, and so does `AsyncClient`.
    """

    async def ask():
        async with AsyncClient(f"transformers/{vision_folder}", cache=False) as other:
            return (await other.ask("Hi", files=[RED], **OPTIONS)).text

    with client.stream("Hi", files=[RED], **OPTIONS) as stream:
        chunks = [event.text for event in stream if isinstance(event, TextDelta)]

    assert len(chunks) > 1
    assert "".join(chunks) == client.ask("Hi", files=[RED], **OPTIONS).text == asyncio.run(ask())


def test_every_source_gives_the_same_reply(client, tmp_path):
    """
    Bytes, a path, a `data:` URL and an `Image` are the same image to the model.
    """
    path = tmp_path / "red.png"
    path.write_bytes(RED)
    part = Image(data=RED, media_type="image/png")
    sources = [RED, path, part.data_url, part, Image(url=part.data_url), Image(path=path)]

    assert len({client.ask("Hi", files=[source], **OPTIONS).text for source in sources}) == 1


@pytest.mark.parametrize("between", [(), (Message.assistant("Yes?"), Message.user("And?"))])
def test_images_keep_their_order(local, vision_folder, between):
    """
    The pixels have the order of the images, in one message or in two.
    """
    import torch

    red, blue = (Image(data=data, media_type="image/png") for data in (RED, BLUE))
    *before, last = (Message.user("Hi", red), *between)
    messages = (*before, last.model_copy(update={"parts": (*last.parts, blue)}))
    encoder = local()._loader.encoder(str(vision_folder))
    prompt = encode_prompt(encoder, ChatRequest(model="m", messages=messages))
    expected = encoder.processor.image_processor(
        [Images.new("RGB", (20, 12), colour) for colour in ("red", "blue")], return_tensors="pt"
    )

    assert torch.equal(prompt.features["pixel_values"], expected["pixel_values"])
    assert prompt.tokens.count(BYTES + len(SPECIAL)) == 2 * IMAGE_TOKENS


def test_images_of_tools_reach_the_model(client):
    """
    An image in the result of a tool changes the text.
    """

    def ask(data):
        part = Image(data=data, media_type="image/png")
        result = ToolResultPart(call_id="1", name="look", content=(part,))
        call = ToolCallPart(id="1", name="look", arguments="{}")
        turns = [Message.user("Look."), Message(role="assistant", parts=(call,)), Message.tool(result)]
        return client.ask(turns, **OPTIONS).text

    assert ask(RED) != ask(BLUE)


def test_tokens_of_images_are_counted(client):
    """
    The count includes the tokens of an image, and equals the input tokens of a reply.
    """
    with_image = client.count_tokens("Hi", files=[RED]).input_tokens

    assert with_image == client.count_tokens("Hi").input_tokens + IMAGE_TOKENS
    assert with_image == client.ask("Hi", files=[RED], max_tokens=1, seed=1).usage.input_tokens


def test_capability_is_that_of_the_model(client, tiny_folder, audio_models, local, vision_folder):
    """
    Only models with a processor for images have the capability, also as the only model of an instance.
    """
    assert Capability.IMAGE_INPUT in client.capabilities()
    assert Capability.IMAGE_INPUT not in client.capabilities(f"transformers/{tiny_folder}")
    assert Capability.IMAGE_INPUT not in client.capabilities(audio_models["vits"])
    assert Capability.IMAGE_INPUT in local(model_path=str(vision_folder)).capabilities
    assert Capability.IMAGE_INPUT not in local(model_path=str(tiny_folder)).capabilities


def test_text_model_is_refused_before_its_weights_are_loaded(local, tiny_folder):
    """
    A model whose kind was unknown before the call raises the same error, also when tokens are counted.
    """
    provider = local()
    request = ChatRequest(
        model=str(tiny_folder), messages=(Message.user("Hi", Image(data=RED, media_type="image/png")),)
    )
    for ask in (provider.count_tokens, lambda request: list(provider.stream(request))):
        with pytest.raises(UnsupportedError, match=r"does not take images.*Choose a model that takes images"):
            ask(request)

    assert not provider._models._slots


@pytest.mark.parametrize("template", ["{{ messages[0].content[-1].text }}", "no parts"])
def test_template_without_images_is_an_error(vision_folder, tmp_path, template):
    """
    A chat template that leaves images out raises UnsupportedError, in place of a reply about the text alone.
    """
    path = tmp_path / "text.jinja"
    path.write_text(template, encoding="utf-8")
    settings = {"providers": {"transformers": {"chat_template": str(path)}}}

    with (
        Client(f"transformers/{vision_folder}", settings=settings) as client,
        pytest.raises(UnsupportedError, match=r"does not support images.*Set chat_template"),
    ):
        client.ask("Hi", files=[RED])


def test_placeholder_in_the_text_is_an_error(client):
    """
    A text with the placeholder of an image that was not passed raises an error that says so.
    """
    with pytest.raises(InvalidRequestError, match=r"2 <image> tokens and 1 images.*Remove placeholders"):
        client.ask("What is <image>?", files=[RED])


def test_missing_processor_is_an_error(vision_folder, tmp_path):
    """
    A folder without the processor raises an error that names its file.
    """
    folder = shutil.copytree(vision_folder, tmp_path / "model")
    (folder / "processor_config.json").unlink()

    with (
        Client(f"transformers/{folder}") as client,
        pytest.raises(ConfigurationError, match=r"image processor.*needs processor_config\.json"),
    ):
        client.ask("Hi")


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_formats_are_decoded(kind):
    """
    Images in other formats than PNG are decoded to RGB.
    """
    image = read_image(Image(data=make_image("white", kind=kind)))

    assert (image.mode, image.size) == ("RGB", (20, 12))
    assert image.getpixel((5, 5)) == (255, 255, 255)


def test_images_are_turned_upright():
    """
    The orientation in the metadata of a photo is applied.
    """
    exif = Images.Exif()
    exif[0x0112] = 6  # turned by 90°; CIPA DC-008, section 4.6.4

    assert read_image(Image(data=make_image("red", kind="JPEG", exif=exif))).size == (12, 20)


@pytest.mark.parametrize("data", [b"", b"no image", RED[:40], b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_damaged_image_is_an_error(data):
    """
    Bytes that are no image, or one that a program would have to run, raise PromptError.
    """
    with pytest.raises(PromptError, match="cannot be decoded"):
        read_image(Image(data=data, media_type="image/png"))


@pytest.mark.parametrize("side", [10_001, 60_000])
def test_bomb_is_not_decoded(side):
    """
    A small file that claims more pixels than allowed raises PromptError before it is decoded.
    """
    data = bytearray(RED)
    data[16:24] = side.to_bytes(4) * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)

    with pytest.raises(PromptError, match="more than 100,000,000 pixels"):
        read_image(Image(data=bytes(data), media_type="image/png"))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Image(path="missing.png"), "Check the path"),
        (Image(url="https://example.com/a.png"), "Pass a path or bytes"),
        (Image(file_id="file-1"), "Pass a path or bytes"),
        (Image(url="data:image/png;base64,%%%"), "Encode it again"),
    ],
)
def test_image_that_cannot_be_read_is_an_error(part, message):
    """
    An image without content on this machine raises an error that says what to pass.
    """
    with pytest.raises(InvalidRequestError, match=message):
        read_image(part)
