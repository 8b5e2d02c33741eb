from __future__ import annotations

import json

from budwood.types import Video
from tests.plugins.gemini.replies import reply, text

BASE = "https://generativelanguage.googleapis.com"
URI = f"{BASE}/v1beta/files/abc"
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"


def record(state):
    """
    Create the record of a file.
    """
    return {"name": "files/abc", "uri": URI, "mimeType": "video/mp4", "sizeBytes": "24", "state": state}


def script_upload(scripted, *states):
    """
    Script an upload whose file goes through these states.
    """
    first, *others = map(record, states)
    scripted.reply(200, headers={"x-goog-upload-url": f"{BASE}/upload/v1beta/files?upload_id=x"})
    scripted.reply(200, {"file": first})
    for one in others:
        scripted.reply(200, one)


def test_a_video_is_uploaded_once_and_awaited(client_of, scripted, tmp_path):
    """
    The request contains the address of the file once Google has processed it, and so does the next one.
    """
    path = tmp_path / "a.mp4"
    path.write_bytes(MP4)
    script_upload(scripted, "PROCESSING", "PROCESSING", "ACTIVE")
    scripted.reply(200, reply(text("A wave."))).reply(200, reply(text("Yes.")))
    client = client_of("gemini-3.8-flash")
    client.ask("What is it?", files=[path], upload="always")
    client.ask("Really?", files=[path], upload="always")

    assert [call.url.rpartition("/")[2].partition("?")[0] for call in scripted.calls] == [
        "files",
        "files",
        "abc",
        "abc",
        "gemini-3.8-flash:generateContent",
        "gemini-3.8-flash:generateContent",
    ]
    for number in (-2, -1):
        (content,) = json.loads(scripted.calls[number].body)["contents"]
        assert content["parts"][0] == {"fileData": {"mimeType": "video/mp4", "fileUri": URI}}


def test_a_stored_file_is_passed_by_its_id(client_of, scripted):
    """
    The id that the client returns is an address in messages.
    """
    script_upload(scripted, "ACTIVE")
    scripted.reply(200, reply(text("A wave.")))
    client = client_of("gemini-3.8-flash")
    info = client.files.upload(MP4, name="a.mp4")
    client.ask("What is it?", files=[Video(file_id=info.id, media_type=info.media_type)])

    assert scripted.sent()["contents"][0]["parts"][0] == {"fileData": {"mimeType": "video/mp4", "fileUri": URI}}
