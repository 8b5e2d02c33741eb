"""Recorded media of Anthropic: files, and images and documents in the results of tools."""

from __future__ import annotations

import pytest

from budwood.types import FileUpload, HTTPReply
from tests.contract import media_recordings as media
from tests.contract import recorded
from tests.contract.replay import parse_head
from tests.steps import run_steps


def is_upload(entry):
    """
    Return whether an exchange uploads a file.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/v1/files")


def assert_upload(claude, one):
    """
    Check that a file is uploaded as it was recorded, and its record decoded.
    """
    fields = media.parse_request(one.request)
    row = one.response.json()
    name, content = fields["file"][0] if fields else ("a", b"a")
    upload = FileUpload(data=content, name=name, media_type=row["mime_type"])

    (call,), info = run_steps(claude.upload_file(upload), [HTTPReply(parse_head(one.response), one.response.body)])

    assert call.url == one.request.url.partition("?")[0]
    assert not fields or media.parse_call(call) == [("file", name, content)]
    assert (info.id, info.name, info.size, info.media_type) == (
        row["id"],
        row["filename"],
        row["size_bytes"],
        row["mime_type"],
    )
    assert info.raw == row
    assert info.created is not None


@pytest.mark.parametrize("file", recorded.list_files(is_upload, "anthropic"))
def test_recorded_uploads(ledger, claude, file):
    """
    The form has the file byte for byte, and the stored file is decoded.
    """
    for one in recorded.select_exchanges(file, is_upload):
        assert_upload(claude, one)
        ledger.record_decoded(one)
        if one.request.body:
            ledger.record_encoded(one)
        else:
            ledger.record_inexpressible(one, "the form was not recorded")


def is_deletion(entry):
    """
    Return whether an exchange deletes a file.
    """
    return entry["method"] == "DELETE" and "/v1/files/" in entry["url"]


@pytest.mark.parametrize("file", recorded.list_files(is_deletion, "anthropic"))
def test_recorded_deletions(ledger, claude, file):
    """
    A file is deleted by the recorded call.
    """
    for one in recorded.select_exchanges(file, is_deletion):
        url = one.request.url.partition("?")[0]
        reply = HTTPReply(parse_head(one.response), one.response.body)

        (call,), result = run_steps(claude.delete_file(url.rpartition("/")[2]), [reply])

        assert (call.method, call.url, result) == ("DELETE", url, None)
        ledger.record_replay(one)
