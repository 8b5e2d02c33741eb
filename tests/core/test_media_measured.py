"""Media are measured by the installed media handlers before their limits are checked, however they are passed."""

from __future__ import annotations

import base64
from contextlib import nullcontext

import pytest

from budwood import Audio, Client, Document, Image, Message
from budwood.engine.pipeline.measuring import fit_part
from budwood.errors import UnsupportedError
from budwood.plugins import Instances
from budwood.providing import read_image_size, sniff_media_type
from budwood.settings import Settings
from budwood.types import MediaLimits
from budwood_testing import FakeClock, ScriptedTransport
from tests.media import make_mp4, make_pdf, make_png, make_wav
from tests.plugins.audio_files import make_flac
from tests.plugins.media_images import make_image

CLAUDE = "anthropic/claude-opus-4-8"
TRANSCRIBER = "openai/gpt-4o-transcribe"
REPLY = {"type": "message", "content": [{"type": "text", "text": "Fine"}], "stop_reason": "end_turn"}


def make_client(model, transport):
    """
    Create a client.
    """
    return Client(model, api_key="test-key-123", transport=transport, clock=FakeClock(), cache=False, retries=0)


def pass_as(form, part, content, media_type, folder):
    """
    Return content in one of the forms that calls take.
    """
    path = folder / "file"
    path.write_bytes(content)
    forms = {
        "bytes": lambda: content,
        "path": lambda: path,
        "part of bytes": lambda: part(data=content, media_type=media_type),
        "part of a path": lambda: part(path=path),
    }
    return forms[form]()


FORMS = pytest.mark.parametrize("form", ["bytes", "path", "part of bytes", "part of a path"])


@FORMS
def test_duration_of_audio_is_checked(tmp_path, form):
    """
    The limit of the model is 1400 seconds.
    """
    long = pass_as(form, Audio, make_wav(1401, rate=10), "audio/wav", tmp_path)
    transport = ScriptedTransport().reply(200, {"text": "Hi"})
    with make_client(TRANSCRIBER, transport) as client:
        with pytest.raises(UnsupportedError, match=r"at most 1400 seconds"):
            client.transcribe(long)
        assert transport.calls == []
        short = pass_as(form, Audio, make_wav(1400, rate=10), "audio/wav", tmp_path)
        assert client.transcribe(short).text == "Hi"


@FORMS
def test_pages_of_documents_are_checked(tmp_path, form):
    """
    The limit of the model is 600 pages.
    """
    document = pass_as(form, Document, make_pdf(601), "application/pdf", tmp_path)
    transport = ScriptedTransport()
    with make_client(CLAUDE, transport) as client, pytest.raises(UnsupportedError, match=r"600 pages .*; got 601"):
        client.ask("?", files=[document])

    assert transport.calls == []


def test_pages_of_documents_in_messages_are_checked():
    """
    The pages of all of them count.
    """
    documents = [Document(data=make_pdf(pages), media_type="application/pdf") for pages in (300, 301)]
    transport = ScriptedTransport()
    with make_client(CLAUDE, transport) as client, pytest.raises(UnsupportedError, match=r"600 pages .*; got 601"):
        client.ask(Message.user("?", *documents))

    assert transport.calls == []


@pytest.mark.parametrize(
    ("model", "pages", "is_sent"),
    [("claude-haiku-4-5", 100, True), ("claude-haiku-4-5", 101, False), ("claude-opus-4-8", 101, True)],
)
def test_models_with_a_small_context_window_take_fewer_pages(model, pages, is_sent):
    """
    Claude takes 600 pages or images, but 100 with a context window of 200,000 tokens.
    """
    transport = ScriptedTransport().reply(200, REPLY)
    with make_client(f"anthropic/{model}", transport) as client:
        with nullcontext() if is_sent else pytest.raises(UnsupportedError, match=r"at most 100 pages"):
            client.ask("?", files=[make_pdf(pages)])
        if not is_sent:
            with pytest.raises(UnsupportedError, match=r"at most 100 of the kind image .*; got 101"):
                client.ask("?", files=[make_png()] * pages)

    assert len(transport.calls) == is_sent


@pytest.mark.parametrize(("count", "width"), [(20, 2001), (21, 2000)])
def test_many_images_are_scaled_further(count, width):
    """
    Claude takes images of 8000 pixels, but of 2000 in a request with more than 20.
    """
    transport = ScriptedTransport().reply(200, REPLY)
    with make_client(CLAUDE, transport) as client:
        client.ask("?", files=[*[make_png()] * (count - 1), make_png(2001, 1)])

    *_, image, _ = transport.sent(0)["messages"][0]["content"]
    assert read_image_size(base64.b64decode(image["source"]["data"])).width == width


@FORMS
def test_large_images_are_scaled(tmp_path, form):
    """
    The handler for images makes them as small as the model takes them.
    """
    image = pass_as(form, Image, make_png(8001, 1), "image/png", tmp_path)
    transport = ScriptedTransport().reply(200, REPLY)
    with make_client(CLAUDE, transport) as client:
        client.ask("?", files=[image])

    (sent, _) = transport.sent(0)["messages"][0]["content"]
    assert read_image_size(base64.b64decode(sent["source"]["data"])) == (8000, 1)


@FORMS
def test_images_that_are_edited_are_converted(tmp_path, form):
    """
    The model takes no GIF. The file that is sent has no name with the old extension.
    """
    image = pass_as(form, Image, make_image("GIF"), "image/gif", tmp_path)
    transport = ScriptedTransport().reply(200, {"data": [{"b64_json": base64.b64encode(make_png()).decode()}]})
    with make_client("openai/gpt-image-2", transport) as client:
        client.edit_image("A hat", image)

    sent = next(field for field in transport.sent_form(0) if field.name.startswith("image"))
    assert sniff_media_type(sent.content) == "image/png"
    assert sent.filename.endswith(".png")


def test_parts_of_replies_are_not_converted():
    """
    The vendor that generated them may compare them with what it sent.
    """
    image = Image(data=make_png(8, 8), media_type="image/png")
    generated = image.model_copy(update={"provider": "gemini"})
    instances, limits = Instances(Settings()), MediaLimits(width=4)

    assert fit_part(instances, generated, limits) is generated
    assert (converted := fit_part(instances, image, limits)) is not image
    assert (converted.width, converted.height) == (4, 4)


def test_media_of_streams_are_converted():
    """
    A stream checks its arguments when it is created, but no limits: a handler scales the image later.
    """
    image = Image(data=make_png(8001, 1), media_type="image/png")
    transport = ScriptedTransport().reply(200, REPLY)
    with make_client(CLAUDE, transport) as client, client.stream(Message.user("?", image)) as stream:
        assert transport.calls == []
        assert list(stream)

    (_, sent) = transport.sent(0)["messages"][0]["content"]
    assert read_image_size(base64.b64decode(sent["source"]["data"])).width == 8000


def test_media_are_measured_before_the_cache_is_read():
    """
    The cache checks the limits as well, and a second call gets the stored reply.
    """
    image = Image(data=make_png(8001, 1), media_type="image/png")
    transport = ScriptedTransport().reply(200, REPLY)
    with Client(CLAUDE, api_key="k", transport=transport, clock=FakeClock(), cache="memory") as client:
        replies = [client.ask(Message.user("?", image)) for _ in range(2)]

    assert [reply.cached for reply in replies] == [False, True]
    (_, sent) = transport.sent(0)["messages"][0]["content"]
    assert read_image_size(base64.b64decode(sent["source"]["data"])).width == 8000


def test_damaged_media_are_left_to_the_vendor():
    """
    What cannot be measured is not checked.
    """
    transport = ScriptedTransport().reply(200, REPLY)
    with make_client(CLAUDE, transport) as client:
        client.ask(Message.user("?", Document(data=b"%PDF-1.4 and no end", media_type="application/pdf")))

    assert len(transport.calls) == 1


@pytest.mark.parametrize("streaming", [False, True])
def test_duration_of_speech_is_that_of_its_content(streaming):
    """
    It is measured by the installed media handlers, whatever the format is.
    """
    transport = ScriptedTransport().reply(200, make_flac(), headers={"content-type": "audio/flac"})
    with make_client("openai/tts-1", transport) as client:
        if streaming:
            with client.stream_speech("Hi", format="flac") as stream:
                list(stream)
            response = stream.response
        else:
            response = client.speak("Hi", format="flac")

    assert response.audio.seconds == 2


def test_speech_that_cannot_be_measured_is_returned():
    """
    It is paid for, so a damaged file has no duration.
    """
    transport = ScriptedTransport().reply(200, b"fLaC\x80", headers={"content-type": "audio/flac"})
    with make_client("openai/tts-1", transport) as client:
        response = client.speak("Hi", format="flac")

    assert (response.audio.data, response.audio.seconds) == (b"fLaC\x80", None)


@pytest.mark.parametrize("is_file", [False, True])
def test_duration_of_a_video_is_that_of_its_content(tmp_path, is_file):
    """
    Veo does not report it.
    """
    name, url = "models/veo-3.1/operations/o1", "https://generativelanguage.googleapis.com/v1beta/files/a:download"
    done = {"name": name, "done": True, "response": {"generatedSamples": [{"video": {"uri": url}}]}}
    transport = ScriptedTransport().reply(200, {"name": name}).reply(200, done).reply(200, done)
    transport.reply(200, make_mp4(2.5), headers={"content-type": "video/mp4"})
    with make_client("gemini/veo-3.1-generate-001", transport) as client:
        response = client.video("a cat", **({"output": tmp_path / "cat.mp4"} if is_file else {}))

    assert response.video.seconds == 2.5
    assert response.video.read() == make_mp4(2.5)
