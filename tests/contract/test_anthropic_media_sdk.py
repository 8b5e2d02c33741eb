"""Anthropic's SDK and Budwood send equal requests for media in messages, files and batches."""

from __future__ import annotations

import base64
import json

from budwood.types import DocumentPart, ImagePart, Message
from budwood_anthropic.files import PAGE
from tests.contract import sdk, sdk_media
from tests.contract.sdk_media import PDF, PNG, json_reply, text_of
from tests.servers import reply

anthropic = sdk.import_sdk("anthropic", "anthropic")

MODEL = "claude-sonnet-5"
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [{"type": "text", "text": "Hi."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
FILE = {
    "id": "file_1",
    "type": "file",
    "filename": "a.pdf",
    "mime_type": "application/pdf",
    "size_bytes": len(PDF),
    "created_at": "2026-11-27T08:00:00Z",
    "expires_at": "2026-11-27T09:00:00Z",
    "downloadable": False,
}
BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-11-27T08:00:00Z",
    "expires_at": "2026-11-28T08:00:00Z",
    "ended_at": None,
    "archived_at": None,
    "cancel_initiated_at": None,
    "results_url": None,
}


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return anthropic.Anthropic(api_key="sk-test", base_url=url, max_retries=0)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    return sdk_media.make_client(anthropic={"base_url": url, "api_key": "sk-test"})


def test_media_of_messages(compare, sdk_client, budwood_client):
    """
    Images and documents are encoded equally: content, URLs and stored files.
    """
    image, document = (base64.b64encode(content).decode() for content in (PNG, PDF))
    url = "https://example.org/a"
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}},
        {"type": "image", "source": {"type": "url", "url": f"{url}.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_2"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": document},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": f"{url}.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    ]
    message = Message.user(
        "Look",
        ImagePart(data=PNG),
        ImagePart(url=f"{url}.png"),
        ImagePart(file_id="file_2"),
        DocumentPart(data=PDF, name="a.pdf"),
        DocumentPart(url=f"{url}.pdf"),
        DocumentPart(file_id="file_1"),
    )
    theirs, ours = compare(
        lambda: sdk_client.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": content}]),
        lambda: budwood_client.ask([message], model=f"anthropic/{MODEL}", max_tokens=9, upload="never"),
        json_reply(MESSAGE),
    )
    assert ours.text == theirs.content[0].text


def test_files(compare, sdk_client, budwood_client):
    """
    Files are uploaded in an equal form, and described and deleted at the same addresses.
    """
    theirs, ours = compare(
        lambda: sdk_client.files.upload(file=("a.pdf", PDF, "application/pdf"), expires_in_seconds=3600),
        lambda: budwood_client.files.upload(PDF, name="a.pdf", provider="anthropic", expires_after=3600),
        json_reply(FILE),
    )
    assert (ours.id, ours.name, ours.size, ours.media_type) == (
        theirs.id,
        theirs.filename,
        theirs.size_bytes,
        theirs.mime_type,
    )
    assert (ours.created, ours.expires) == (theirs.created_at.timestamp(), theirs.expires_at.timestamp())
    compare(
        lambda: sdk_client.files.retrieve_metadata("file_1"),
        lambda: budwood_client.files.get("file_1", provider="anthropic"),
        json_reply(FILE),
    )
    theirs, ours = compare(
        lambda: sdk_client.files.download("file_1").read(),
        lambda: budwood_client.files.content("file_1", provider="anthropic"),
        reply(200, PDF, content_type="application/pdf"),
    )
    assert ours == theirs
    compare(
        lambda: sdk_client.files.delete("file_1"),
        lambda: budwood_client.files.delete("file_1", provider="anthropic"),
        json_reply({"id": "file_1", "type": "file_deleted"}),
    )


def test_lists_of_files(compare, sdk_client, budwood_client):
    """
    All pages are requested equally.
    """
    pages = [{"data": [{**FILE, "id": "file_1"}], "next_page": "page_2"}, {"data": [FILE], "next_page": None}]
    theirs, ours = compare(
        lambda: list(sdk_client.files.list(limit=PAGE)),
        lambda: budwood_client.files.list(provider="anthropic"),
        *map(json_reply, pages),
    )
    assert [info.id for info in ours] == [info.id for info in theirs]


def test_batches(compare, sdk_client, budwood_client, shared_server):
    """
    A batch is created of equal requests; its state, its replies and its errors are read equally.
    """
    job, (request,) = compare.run(
        lambda: budwood_client.submit_batch(["One", "Two"], model=f"anthropic/{MODEL}", max_tokens=9),
        json_reply(BATCH),
    )
    ids = [row["custom_id"] for row in request.body["requests"]]
    requests = [
        {
            "custom_id": line_id,
            "params": {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": text}]},
        }
        for line_id, text in zip(ids, ["One", "Two"], strict=True)
    ]
    theirs, (expected,) = compare.run(lambda: sdk_client.messages.batches.create(requests=requests), json_reply(BATCH))
    assert request == expected
    assert job.id == theirs.id
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}, "request_id": "req_1"}
    lines = [
        {"custom_id": ids[1], "result": {"type": "succeeded", "message": MESSAGE}},
        {"custom_id": ids[0], "result": {"type": "errored", "error": error}},
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    ended = json_reply(
        {
            **BATCH,
            "processing_status": "ended",
            "ended_at": "2026-11-27T09:00:00Z",
            "request_counts": {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0},
            "results_url": f"{shared_server.url}/v1/messages/batches/msgbatch_1/results",
        }
    )
    theirs, results = compare(
        lambda: list(sdk_client.messages.batches.results("msgbatch_1")),
        job.result,
        ended,
        reply(200, content, content_type="application/x-jsonl"),
    )
    assert text_of(results[1]) == theirs[0].result.message.content[0].text
    assert theirs[1].result.error.error.message in str(results[0])


def test_cancelled_batches(compare, sdk_client, budwood_client):
    """
    A batch is cancelled at the same address.
    """
    job, _ = compare.run(lambda: budwood_client.submit_batch(["One"], model=f"anthropic/{MODEL}"), json_reply(BATCH))
    compare(
        lambda: sdk_client.messages.batches.cancel("msgbatch_1"),
        job.cancel,
        json_reply({**BATCH, "processing_status": "canceling"}),
    )
