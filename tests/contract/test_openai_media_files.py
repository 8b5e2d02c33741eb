"""Recorded files of OpenAI: calls are made as they were recorded, and replies decoded whole."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from budwood.errors import InvalidRequestError, NotFoundError
from budwood.types import FileUpload, HTTPReply
from budwood.wire.uploads import read_body
from tests.contract import media_recordings as media
from tests.contract import recorded
from tests.contract.replay import parse_head
from tests.steps import run_steps

FOLDERS = ("openai-files", "openai-chat", "openai-responses", "openai-batches")
UPLOADS = media.list_exchanges(*FOLDERS, path="/files")


def make_reply(one):
    """
    Return the reply of an exchange.
    """
    return HTTPReply(parse_head(one.response), one.response.body)


def assert_file(info, row):
    """
    Check that a file has the recorded fields.
    """
    assert (info.id, info.name, info.size, info.purpose) == (row["id"], row["filename"], row["bytes"], row["purpose"])
    assert (info.created, info.expires, info.ready) == (row["created_at"], row.get("expires_at"), True)
    assert info.raw == row
    assert info.provider == "openai"


@pytest.mark.parametrize(("file", "number"), UPLOADS)
def test_recorded_uploads(ledger, openai, file, number):
    """
    The form has the recorded fields, with the file byte for byte, and the stored file is decoded.
    """
    one = recorded.read_exchanges(file)[number]
    fields = media.parse_request(one.request)
    name, content = fields.get("file", [("a.txt", b"a")])[0]
    purpose = fields.get("purpose", [(None, b"vision")])[0][1].decode()
    upload = FileUpload(data=content, name=name, media_type="application/octet-stream", purpose=purpose)
    steps = openai().upload_file(upload)
    if one.response.status != 200:
        assert next(steps).url == one.request.url
        with pytest.raises(InvalidRequestError, match="world_domination"):
            steps.throw(openai().error(make_reply(one)))
        record_upload(ledger, one, fields)
        return
    (call,), info = run_steps(steps, [make_reply(one)])

    encoded = {}
    for field, filename, value in media.parse_call(call):
        encoded.setdefault(field, []).append((filename, value))
    assert not fields or encoded == fields
    assert call.url == one.request.url
    assert_file(info, one.response.json())
    record_upload(ledger, one, fields)


def record_upload(ledger, one, fields):
    """
    Record a replay; a form that was not recorded cannot be compared.
    """
    if fields:
        ledger.record_encoded(one)
    else:
        ledger.record_inexpressible(one, "the form was not recorded")
    ledger.record_decoded(one)


@pytest.mark.parametrize("name", ["dd-trace-py__v1__file_list.yaml"])
def test_recorded_list(ledger, openai, name):
    """
    All files of a list are decoded.
    """
    (one,) = recorded.read_exchanges(f"openai-files/{name}")
    (call,), files = run_steps(openai().list_files(), [make_reply(one)])

    assert urlsplit(call.url).path == urlsplit(one.request.url).path
    for info, row in zip(files, one.response.json()["data"], strict=True):
        assert_file(info, row)
    ledger.record_replay(one)


def is_of_one_file(one):
    """
    Tell whether an exchange is about one file that is stored.
    """
    return "/v1/files/" in one.request.url


SINGLE = [
    pytest.param(entry["file"], id=entry["file"])
    for entry in recorded.read_index()
    if any("/v1/files/" in one["url"] and entry["provider"].startswith("openai") for one in entry["interactions"])
] or [pytest.param(None, id="no-recordings")]


@pytest.mark.parametrize("file", SINGLE)
def test_recorded_calls_for_one_file(ledger, openai, tmp_path, file):
    """
    A file is described, deleted and downloaded by the recorded calls; a missing one is an error.
    """
    for one in filter(is_of_one_file, recorded.read_exchanges(file)):
        path = urlsplit(one.request.url).path
        file_id = path.split("/")[3]
        provider = openai()
        if one.request.method == "DELETE":
            steps = provider.delete_file(file_id)
        elif path.endswith("/content"):
            steps = provider.download_file(file_id, tmp_path / "content")
        else:
            steps = provider.get_file(file_id)
        call = next(steps)
        assert (call.method, call.url) == (one.request.method, one.request.url)
        if one.response.status == 404:
            with pytest.raises(NotFoundError, match="No such File object"):
                steps.throw(provider.error(make_reply(one)))
            ledger.record_replay(one)
            continue
        with pytest.raises(StopIteration) as ended:
            steps.send(make_reply(one))
        if one.request.method == "GET" and not path.endswith("/content"):
            assert_file(ended.value.value, one.response.json())
        assert (call.reply_to is not None) == path.endswith("/content")
        ledger.record_replay(one)


def test_recorded_upload_in_parts(ledger, openai, monkeypatch):
    """
    A file above the limit is announced, sent in parts and completed, as it was recorded.
    """
    start, first, second, complete, _ = recorded.read_exchanges(
        "openai-files/openai-dotnet__UploadsTests__CompleteUploadWorks.json"
    )
    monkeypatch.setattr("budwood_openai_compatible.media.files.PART_SIZE", 4)
    monkeypatch.setattr("budwood_openai.OpenAI.max_upload", 7)
    upload = FileUpload(data=b"abcdefgh", name="a.jsonl", media_type="text/jsonl", purpose="fine-tune")

    calls, info = run_steps(openai().upload_file(upload), map(make_reply, (start, first, second, complete)))

    assert [call.url for call in calls] == [one.request.url for one in (start, first, second, complete)]
    assert json.loads(calls[0].body) == {
        "filename": "a.jsonl",
        "bytes": 8,
        "mime_type": "text/jsonl",
        "purpose": "fine-tune",
    }
    assert [content for call in calls[1:3] for _, _, content in media.parse_call(call)] == [b"abcd", b"efgh"]
    parts = [one.response.json()["id"] for one in (first, second)]
    assert json.loads(read_body(calls[3].body)) == {"part_ids": parts}
    assert_file(info, complete.response.json()["file"])
    for one in (start, first, second, complete):
        ledger.record_replay(one)


@pytest.mark.parametrize(("file", "number"), media.list_exchanges("openai-files", path="/uploads"))
def test_recorded_uploads_that_end_early(ledger, openai, monkeypatch, file, number):
    """
    The announcement and the first part are those that were recorded, also of uploads that were not completed.
    """
    start, first, *_ = recorded.read_exchanges(file)[number:]
    monkeypatch.setattr("budwood_openai.OpenAI.max_upload", 0)
    body = (
        start.request.json()
        if start.request.body
        else {"bytes": 1, "filename": "a", "mime_type": "a/b", "purpose": "batch"}
    )
    upload = FileUpload(
        data=b"a" * body["bytes"], name=body["filename"], media_type=body["mime_type"], purpose=body["purpose"]
    )
    steps = openai().upload_file(upload)

    calls = [(start, next(steps)), (first, steps.send(make_reply(start)))]
    for one, call in calls[: 1 + first.request.url.endswith("/parts")]:
        assert call.url == one.request.url
        ledger.record_decoded(one)
        if not one.request.body:
            ledger.record_inexpressible(one, "the form was not recorded")
        elif one is start:
            assert json.loads(call.body) == body
            ledger.record_encoded(one)
