"""OpenAI's SDK and Budwood send equal requests for files, batches, videos and background replies."""

from __future__ import annotations

import base64
import json

import pytest

from budwood.types import DocumentPart, ImagePart, Message
from budwood_openai_compatible import OpenAICompatible
from budwood_openai_compatible.media import files
from tests.contract import sdk, sdk_media
from tests.contract.sdk_media import PDF, PNG, WAVE, json_reply, text_of
from tests.servers import reply

openai = sdk.import_sdk("openai", "openai")

FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": len(PDF),
    "created_at": 1,
    "expires_at": 7200,
    "filename": "a.pdf",
    "purpose": "user_data",
    "status": "processed",
}
VIDEO = {
    "id": "video_1",
    "object": "video",
    "model": "sora-2",
    "status": "queued",
    "progress": 40,
    "created_at": 1,
    "expires_at": 100,
    "seconds": "8",
    "size": "1280x720",
}
BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "status": "in_progress",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "created_at": 1,
    "expires_at": 86401,
    "request_counts": {"total": 2, "completed": 1, "failed": 1},
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "gpt-5",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi.", "annotations": []}],
        }
    ],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
MULTIPART = 8
"""The largest upload in one request, in bytes, and the size of a part, in the test of uploads in parts."""


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return openai.OpenAI(api_key="sk-test", base_url=f"{url}/v1", max_retries=0)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    url = f"{url}/v1"
    settings = {"base_url": url, "api_key": "sk-test"}
    providers = {
        "openai": {**settings, "api": "responses"},
        "chat": {**settings, "plugin": "openai", "api": "chat"},
        "compatible": {"plugin": "openai-compatible", "base_url": url, "offers": ["videos"]},
    }
    return sdk_media.make_client(**providers)


def test_uploads(compare, sdk_client, budwood_client):
    """
    The form has the same purpose, expiry, name and media type, and the record of the file is read equally.
    """
    theirs, ours = compare(
        lambda: sdk_client.files.create(
            file=("a.pdf", PDF, "application/pdf"),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 7200},
        ),
        lambda: budwood_client.files.upload(PDF, name="a.pdf", provider="openai", expires_after=7200),
        json_reply(FILE),
    )
    assert (ours.id, ours.name, ours.size, ours.purpose, ours.expires) == (
        theirs.id,
        theirs.filename,
        theirs.bytes,
        theirs.purpose,
        theirs.expires_at,
    )


def test_uploads_in_parts(compare, sdk_client, budwood_client, tmp_path, monkeypatch):
    """
    A large file is divided equally, and completed with the same parts.
    """
    monkeypatch.setattr(OpenAICompatible, "max_upload", MULTIPART)
    monkeypatch.setattr(files, "PART_SIZE", MULTIPART)
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    count = -(-len(PDF) // MULTIPART)
    upload = {
        "id": "upload_1",
        "object": "upload",
        "bytes": len(PDF),
        "created_at": 1,
        "expires_at": 9,
        "filename": "a.pdf",
        "purpose": "user_data",
        "status": "pending",
    }
    part = {"object": "upload.part", "created_at": 1, "upload_id": "upload_1"}
    parts = [json_reply({**part, "id": f"part_{number}"}) for number in range(count)]
    expected, sent = compare.run(
        lambda: sdk_client.uploads.upload_file_chunked(
            file=path, mime_type="application/pdf", purpose="user_data", part_size=MULTIPART
        ),
        json_reply(upload),
        *parts,
        json_reply({**upload, "status": "completed", "file": FILE}),
    )
    ours, requests = compare.run(
        lambda: budwood_client.files.upload(path, provider="openai"),
        json_reply(upload),
        *parts,
        json_reply({**upload, "status": "completed", "file": FILE}),
    )
    assert ours.id == expected.file.id
    assert list(map(drop_part_name, requests)) == list(map(drop_part_name, sent))


def drop_part_name(request):
    """
    Return a request without the names of the files in its form: the SDK calls each part ``upload``.
    """
    if not isinstance(request.body, list):
        return request
    return request._replace(body=[(field.name, field.content) for field in request.body])


def test_stored_files(compare, sdk_client, budwood_client):
    """
    Files are described, read and deleted at the same addresses.
    """
    theirs, ours = compare(
        lambda: sdk_client.files.retrieve("file-1"),
        lambda: budwood_client.files.get("file-1", provider="openai"),
        json_reply(FILE),
    )
    assert ours.id == theirs.id
    theirs, ours = compare(
        lambda: sdk_client.files.content("file-1").content,
        lambda: budwood_client.files.content("file-1", provider="openai"),
        reply(200, PDF, content_type="application/pdf"),
    )
    assert ours == theirs == PDF
    compare(
        lambda: sdk_client.files.delete("file-1"),
        lambda: budwood_client.files.delete("file-1", provider="openai"),
        json_reply({"id": "file-1", "object": "file", "deleted": True}),
    )


def test_lists_of_files(compare, sdk_client, budwood_client):
    """
    All pages are requested equally.
    """
    pages = [
        {"object": "list", "data": [{**FILE, "id": f"file-{number}"}], "has_more": number == 1} for number in (1, 2)
    ]
    theirs, ours = compare(
        lambda: list(sdk_client.files.list(limit=OpenAICompatible.files_page)),
        lambda: budwood_client.files.list(provider="openai"),
        *map(json_reply, pages),
    )
    assert [info.id for info in ours] == [info.id for info in theirs] == ["file-1", "file-2"]


def test_batches(compare, sdk_client, budwood_client):
    """
    A batch is created of the same lines, and its state, its replies and its errors are read equally.
    """
    lines = [
        {
            "custom_id": f"{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-5", "messages": [{"role": "user", "content": text}]},
        }
        for number, text in enumerate(["One", "Two"])
    ]

    def submit():
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        info = sdk_client.files.create(file=("batch.jsonl", content, "application/jsonl"), purpose="batch")
        return sdk_client.batches.create(
            input_file_id=info.id, endpoint="/v1/chat/completions", completion_window="24h"
        )

    created = [json_reply({**FILE, "filename": "batch.jsonl", "purpose": "batch"}), json_reply(BATCH)]
    theirs, (upload, create) = compare.run(submit, *created)
    job, (our_upload, our_create) = compare.run(
        lambda: budwood_client.submit_batch(["One", "Two"], model="chat/gpt-5"), *created
    )
    ids = assert_equal_lines(our_upload, upload, lines)
    assert our_create == create
    assert job.id == theirs.id
    done = {**BATCH, "status": "completed", "output_file_id": "file-2", "error_file_id": "file-3"}
    succeeded = {"id": "r1", "custom_id": ids[1], "response": {"status_code": 200, "body": COMPLETION}, "error": None}
    error = {"message": "No.", "type": "invalid_request_error", "code": "bad"}
    failed = {"id": "r2", "custom_id": ids[0], "response": {"status_code": 400, "body": {"error": error}}}

    def read():
        batch = sdk_client.batches.retrieve("batch_1")
        contents = [sdk_client.files.content(file).text for file in (batch.output_file_id, batch.error_file_id)]
        return batch, contents

    (batch, contents), results = compare(
        read,
        job.result,
        json_reply(done),
        *(reply(200, json.dumps(line) + "\n", content_type="application/jsonl") for line in (succeeded, failed)),
    )
    assert job.state.counts.total == batch.request_counts.total
    assert text_of(results[1]) == json.loads(contents[0])["response"]["body"]["choices"][0]["message"]["content"]
    assert json.loads(contents[1])["response"]["body"]["error"]["message"] in str(results[0])


def assert_equal_lines(ours, theirs, lines):
    """
    Compare two uploads of a batch except for the ids of its lines; return those of Budwood.
    """
    fields, expected = ({field.name: field for field in one.body} for one in (ours, theirs))
    found = [json.loads(line) for line in fields["file"].content.splitlines()]
    ids = [line["custom_id"] for line in found]
    assert len(set(ids)) == len(lines)
    assert [{**line, "custom_id": ""} for line in found] == [{**line, "custom_id": ""} for line in lines]
    assert [fields[name]._replace(content=b"") for name in fields] == [
        expected[name]._replace(content=b"") for name in fields
    ]
    assert fields["purpose"] == expected["purpose"]
    return ids


def test_cancelled_batches(compare, sdk_client, budwood_client):
    """
    A batch is cancelled at the same address.
    """
    job, _ = compare.run(
        lambda: budwood_client.submit_batch(["One"], model="openai/gpt-5"), json_reply(FILE), json_reply(BATCH)
    )
    theirs, ours = compare(
        lambda: sdk_client.batches.cancel("batch_1"), job.cancel, json_reply({**BATCH, "status": "cancelled"})
    )
    assert ours.status == theirs.status


def test_background_replies(compare, sdk_client, budwood_client):
    """
    A reply in the background is requested, polled, read and cancelled equally.
    """
    running = {**RESPONSE, "status": "queued", "output": []}
    theirs, job = compare(
        lambda: sdk_client.responses.create(
            model="gpt-5", input=[{"role": "user", "content": "Hello"}], background=True
        ),
        lambda: budwood_client.submit("Hello", model="openai/gpt-5"),
        json_reply(running),
    )
    assert job.id == theirs.id
    theirs, ours = compare(lambda: sdk_client.responses.cancel("resp_1"), job.cancel, json_reply(running))
    assert ours.raw_status == theirs.status
    theirs, (state, response) = compare(
        lambda: [sdk_client.responses.retrieve("resp_1") for _ in range(2)],
        lambda: (job.poll(), job.result()),
        *[json_reply(RESPONSE)] * 2,
    )
    assert state.raw_status == theirs[0].status
    assert response.text == theirs[1].output_text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_videos(compare, sdk_client, budwood_client):
    """
    A video that starts from an image is submitted, polled and downloaded equally.
    """
    theirs, job = compare(
        lambda: sdk_client.videos.create(
            model="sora-2",
            prompt="a wave",
            seconds="8",
            size="1280x720",
            input_reference=("a.png", PNG, "image/png"),
        ),
        lambda: budwood_client.submit_video(
            "a wave",
            model="compatible/sora-2",
            seconds=8,
            size="1280x720",
            images=[ImagePart(data=PNG, name="a.png")],
        ),
        json_reply(VIDEO),
    )
    assert (job.id, job.state.progress) == (theirs.id, theirs.progress / 100)

    def read():
        sdk_client.videos.retrieve("video_1")
        return sdk_client.videos.download_content("video_1").content

    content, response = compare(
        read,
        job.result,
        json_reply({**VIDEO, "status": "completed"}),
        reply(200, b"\0\0\0\x18ftypmp42", content_type="video/mp4"),
    )
    assert response.video.read() == content
    assert response.video.seconds == float(theirs.seconds)


def test_media_of_chats(compare, sdk_client, budwood_client):
    """
    Images and documents in messages of Chat Completions are encoded equally.
    """
    image, document = (base64.b64encode(content).decode() for content in (PNG, PDF))
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{document}"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    message = Message.user(
        "Look",
        ImagePart(data=PNG, detail="low"),
        ImagePart(url="https://example.org/a.png"),
        DocumentPart(data=PDF, name="a.pdf"),
        DocumentPart(file_id="file-1"),
    )
    theirs, ours = compare(
        lambda: sdk_client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": content}]),
        lambda: budwood_client.ask([message], model="chat/gpt-5", upload="never"),
        json_reply(COMPLETION),
    )
    assert ours.text == theirs.choices[0].message.content


def test_audio_of_chats(compare, sdk_client, budwood_client):
    """
    Audio is sent equally, and audio that a model returns has the same content and transcript.
    """
    data = base64.b64encode(WAVE).decode()
    content = [
        {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        {"type": "text", "text": "Hello"},
    ]
    message = {
        "role": "assistant",
        "content": None,
        "audio": {"id": "audio_1", "data": data, "expires_at": 9, "transcript": "Hi."},
    }
    completion = {**COMPLETION, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    extra = {"modalities": ["text", "audio"], "audio": {"voice": "coral", "format": "wav"}}
    theirs, ours = compare(
        lambda: sdk_client.chat.completions.create(
            model="gpt-audio-1.5", messages=[{"role": "user", "content": content}], **extra
        ),
        lambda: budwood_client.ask("Hello", files=[WAVE], model="chat/gpt-audio-1.5", extra=extra),
        json_reply(completion),
    )
    (audio,) = ours.message.media
    assert audio.data == base64.b64decode(theirs.choices[0].message.audio.data)
    assert audio.transcript == theirs.choices[0].message.audio.transcript


def test_media_of_responses(compare, sdk_client, budwood_client):
    """
    Images and documents in messages of Responses are encoded equally.
    """
    image, document = (base64.b64encode(content).decode() for content in (PNG, PDF))
    content = [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{image}", "detail": "high"},
        {"type": "input_image", "file_id": "file-2", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{document}"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
    ]
    message = Message.user(
        "Look",
        ImagePart(data=PNG, detail="high"),
        ImagePart(file_id="file-2"),
        DocumentPart(data=PDF, name="a.pdf"),
        DocumentPart(url="https://example.org/a.pdf"),
    )
    theirs, ours = compare(
        lambda: sdk_client.responses.create(model="gpt-5", input=[{"role": "user", "content": content}]),
        lambda: budwood_client.ask([message], model="openai/gpt-5", upload="never"),
        json_reply(RESPONSE),
    )
    assert ours.text == theirs.output_text
