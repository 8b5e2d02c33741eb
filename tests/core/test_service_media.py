"""Media of requests other than chat: URLs are fetched where the vendor cannot, and large content is uploaded first."""

from __future__ import annotations

import base64
import json

import pytest

from budwood import Client, Image, Message
from budwood.errors import PromptError, UnsupportedError
from budwood.providing import make_wave_header
from budwood.transports import downloads
from budwood_testing import FakeClock, ScriptedTransport
from tests.media_server import PNG

WAVE = make_wave_header(2) + b"\1\0"
ROW = {"name": "files/abc", "uri": "https://generativelanguage.googleapis.com/v1beta/files/abc", "state": "ACTIVE"}
UPLOAD = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=x"
SMALL = {
    "models": {
        f"gemini/{name}": {"media": {kind: {"request_bytes": 10}}}
        for name, kind in (
            ("gemini-3.8-flash", "audio"),
            ("gemini-3.1-flash-image", "image"),
            ("gemini-omni-1.1-flash", "image"),
        )
    }
}
"""Settings with which all media are too large for a request."""


def content(*parts):
    """
    Return a reply of Gemini.
    """
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}]}


def make_client(model, transport, **settings):
    """
    Create a client.
    """
    options = {"transport": transport, "clock": FakeClock(), "settings": settings, "cache": False, "retries": 0}
    return Client(model, api_key="test-key-123", **options)


def script_upload(transport):
    """
    Add the replies to an upload to Google.
    """
    return transport.reply(200, headers={"x-goog-upload-url": UPLOAD}).reply(
        200, {"file": ROW}, headers={"x-goog-upload-status": "final"}
    )


@pytest.fixture
def fetched(monkeypatch):
    """
    Downloads return content without a connection; the URLs that were fetched.
    """
    urls = []

    def download(url, **_options):
        urls.append(url)
        return PNG if url.endswith(".png") else WAVE

    monkeypatch.setattr(downloads, "download", download)
    return urls


def test_audio_is_fetched_for_vendors_that_do_not(fetched):
    """
    OpenAI takes only the content of audio.
    """
    url = "https://example.org/hello.wav"
    transport = ScriptedTransport().reply(200, {"text": "Hi"})
    with make_client("openai/whisper-1", transport) as client:
        assert client.transcribe(url).text == "Hi"

    (file,) = [field for field in transport.sent_form() if field.name == "file"]
    assert (file.content, file.filename) == (WAVE, "hello.wav")
    assert fetched == [url]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("openai/gpt-image-2", {}),
        ("azure/gpt-image-2", {"providers": {"azure": {"base_url": "https://x.openai.azure.com/openai/v1"}}}),
    ],
)
def test_images_are_fetched_for_vendors_that_do_not(fetched, model, settings):
    """
    OpenAI fetches images; Azure takes only their content.
    """
    url = "https://example.org/a.png"
    transport = ScriptedTransport().reply(200, {"data": [{"b64_json": base64.b64encode(PNG).decode()}]})
    with make_client(model, transport, **settings) as client:
        client.edit_image("a hat", url)

    if model.startswith("openai/"):
        assert transport.sent()["images"] == [{"image_url": url}]
        assert fetched == []
    else:
        (image,) = [field for field in transport.sent_form() if field.name == "image"]
        assert image.content == PNG
        assert fetched == [url]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.png", b"<!doctype html>Log in", "a.png is not a valid image/png"),
        ("a.png", WAVE, "a.png is audio/wav, not an image"),
        ("a", b"<!doctype html>Log in", "a is text/plain, not an image"),
    ],
)
def test_content_of_urls_is_checked(monkeypatch, name, content, problem):
    """
    A URL whose content is no image is an error, as for a path, and nothing is sent.
    """
    monkeypatch.setattr(downloads, "download", lambda _url, **_options: content)
    transport = ScriptedTransport()
    settings = {"providers": {"azure": {"base_url": "https://x.openai.azure.com/openai/v1"}, "ollama": {}}}

    with make_client("azure/gpt-image-2", transport, **settings) as client:
        with pytest.raises(PromptError, match=problem):
            client.edit_image("a hat", f"https://example.org/{name}")
        with pytest.raises(PromptError, match=problem):
            client.ask([Message.user("?", Image(url=f"https://example.org/{name}"))], model="ollama/llava")

    assert transport.calls == []


def test_addresses_are_checked():
    """
    A URL that leads to this machine is not fetched, and nothing is sent.
    """
    transport = ScriptedTransport()
    with make_client("openai/whisper-1", transport) as client, pytest.raises(PromptError, match=r"127\.0\.0\.1"):
        client.transcribe("http://127.0.0.1:1/hello.wav")

    assert transport.calls == []


def test_large_audio_is_uploaded_before_its_transcription():
    """
    The request refers to the file, which another request reuses.
    """
    transport = (
        script_upload(ScriptedTransport()).reply(200, content({"text": "Hi"})).reply(200, content({"text": "Hi"}))
    )
    with make_client("gemini/gemini-3.8-flash", transport, **SMALL) as client:
        assert [client.transcribe(WAVE).text for _ in range(2)] == ["Hi", "Hi"]

    assert transport.bodies[1] == WAVE
    assert [bytes(body).count(b"files/abc") for body in transport.bodies[2:]] == [1, 1]


def test_large_images_are_uploaded_before_they_are_changed():
    """
    As those of messages are.
    """
    inline = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}}
    transport = script_upload(ScriptedTransport()).reply(200, content(inline))
    with make_client("gemini/gemini-3.1-flash-image", transport, **SMALL) as client:
        client.edit_image("a hat", PNG)

    assert transport.bodies[1] == PNG
    parts = transport.sent()["contents"][0]["parts"]
    assert [part["fileData"]["fileUri"] for part in parts if "fileData" in part] == [ROW["uri"]]


def test_large_images_are_uploaded_before_a_video():
    """
    The job is submitted once, with the address of the file.
    """
    job = {"id": "v1_x", "status": "in_progress", "model": "gemini-omni-1.1-flash", "steps": []}
    transport = script_upload(ScriptedTransport()).reply(200, job)
    with make_client("gemini/gemini-omni-1.1-flash", transport, **SMALL) as client:
        assert client.submit_video("a wave", images=[PNG]).id == "v1_x"

    assert json.dumps(transport.sent()["input"]).count(ROW["uri"]) == 1


def test_forgotten_files_are_uploaded_again_before_a_video():
    """
    The vendor has refused the first request, so that nothing is submitted twice.
    """
    job = {"id": "v1_x", "status": "in_progress", "model": "gemini-omni-1.1-flash", "steps": []}
    error = {"error": {"code": 404, "message": "File files/abc not found.", "status": "NOT_FOUND"}}
    transport = script_upload(ScriptedTransport()).reply(404, error)
    script_upload(transport).reply(200, job)
    with make_client("gemini/gemini-omni-1.1-flash", transport, **SMALL) as client:
        assert client.submit_video("a wave", images=[PNG]).id == "v1_x"

    assert sum(call.url.endswith("/interactions") for call in transport.calls) == 2


def test_limits_of_videos_are_checked():
    """
    Nothing is sent if the media exceed them.
    """
    transport = ScriptedTransport()
    settings = {"models": {"xai/grok-imagine-video": {"media": {"image": {"bytes": 10}}}}}
    client = make_client("xai/grok-imagine-video", transport, **settings)
    with client, pytest.raises(UnsupportedError, match="at most 10 bytes"):
        client.submit_video("a wave", images=[PNG])

    assert transport.calls == []


def test_large_media_of_background_replies_are_uploaded():
    """
    The limit of the request does not apply to them.
    """
    file = {"id": "file-1", "object": "file", "bytes": 9, "created_at": 1, "status": "processed"}
    transport = ScriptedTransport().reply(200, file).reply(200, {"id": "resp_1", "status": "queued", "output": []})
    settings = {
        "models": {"openai/gpt-5": {"media": {"image": {"request_bytes": 10}}}},
        "providers": {"openai": {"api": "responses"}},
    }
    with make_client("openai/gpt-5", transport, **settings) as client:
        client.submit("Look", files=[PNG])

    assert "file-1" in json.dumps(transport.sent()["input"])


@pytest.mark.parametrize("api", ["auto", "chat"])
def test_media_of_background_replies_are_those_of_their_api(fetched, api):
    """
    Responses answers them, which takes documents by URL, and images as files; Chat Completions does not.
    """
    file = {"id": "file-1", "object": "file", "bytes": 9, "created_at": 1, "status": "processed"}
    transport = ScriptedTransport().reply(200, file).reply(200, {"id": "resp_1", "status": "queued", "output": []})
    settings = {
        "models": {"openai/gpt-5": {"media": {"image": {"request_bytes": 10}}}},
        "providers": {"openai": {"api": api}},
    }
    with make_client("openai/gpt-5", transport, **settings) as client:
        client.submit("Read", files=["https://example.org/a.pdf", PNG])

    content = json.dumps(transport.sent()["input"])
    assert "https://example.org/a.pdf" in content
    assert '"file_id": "file-1"' in content
    assert fetched == []


def test_audio_of_background_replies_is_refused():
    """
    Responses takes none, and nothing is sent.
    """
    transport = ScriptedTransport()
    client = make_client("openai/gpt-audio", transport)
    with client, pytest.raises(UnsupportedError, match="audio"):
        client.submit("Listen", files=[WAVE])

    assert transport.calls == []


def test_large_media_of_batches_are_uploaded():
    """
    A line of the batch refers to the file.
    """
    file = {"id": "file-1", "object": "file", "bytes": 9, "created_at": 1, "status": "processed"}
    batch = {"id": "batch_1", "object": "batch", "status": "validating"}
    transport = ScriptedTransport().reply(200, file).reply(200, {**file, "id": "file-2"}).reply(200, batch)
    settings = {
        "models": {"openai/gpt-5": {"media": {"image": {"request_bytes": 10}}}},
        "providers": {"openai": {"api": "responses"}},
    }
    with make_client("openai/gpt-5", transport, **settings) as client:
        client.submit_batch(["Look"], files=[PNG])

    (lines,) = [field.content for field in transport.sent_form(1) if field.name == "file"]
    assert b'"file_id":"file-1"' in lines


def test_large_audio_is_uploaded_before_a_stream():
    """
    As before a complete transcript.
    """
    chunk = b"data: " + json.dumps(content({"text": "Hi"})).encode() + b"\r\n\r\n"
    transport = script_upload(ScriptedTransport()).reply(200, chunks=[chunk])
    client = make_client("gemini/gemini-3.8-flash", transport, **SMALL)
    with client, client.stream_transcription(WAVE) as stream:
        assert "".join(event.text for event in stream) == "Hi"

    assert transport.bodies[1] == WAVE
    assert bytes(transport.bodies[2]).count(b"files/abc") == 1
