"""Files that Anthropic stores."""

from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, InvalidRequestError, NotFoundError, UnsupportedError
from budwood.types import BodyFile, FileUpload, HTTPReply, ReplyHead
from tests.steps import run_steps

STORED = {
    "type": "file",
    "id": "file_1",
    "size_bytes": 4,
    "created_at": "2026-08-19T14:34:11Z",
    "expires_at": "2026-08-20T14:34:11Z",
    "filename": "a.pdf",
    "mime_type": "application/pdf",
    "downloadable": False,
}


def json_reply(body, status=200):
    """
    Return a reply with a JSON body.
    """
    return HTTPReply(ReplyHead(status, {"content-type": "application/json"}), json.dumps(body).encode())


def test_uploads_are_forms(make_provider, tmp_path):
    """
    The form has the file with its name and media type, and before it the expiry.
    """
    upload = FileUpload(path=tmp_path / "x", name="a.pdf", media_type="application/pdf", expires_after=7200)

    (call,), info = run_steps(make_provider().upload_file(upload), [json_reply(STORED)])

    text = b"".join(part for part in call.body if isinstance(part, bytes)).decode()
    assert (call.method, call.url) == ("POST", "https://api.anthropic.com/v1/files")
    assert call.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert BodyFile(tmp_path / "x") in call.body
    assert text.index('name="expires_in_seconds"\r\n\r\n7200') < text.index('name="file"; filename="a.pdf"')
    assert (info.id, info.provider, info.name, info.size) == ("file_1", "anthropic", "a.pdf", 4)
    assert (info.media_type, info.expires - info.created) == ("application/pdf", 86_400.0)


@pytest.mark.parametrize("seconds", [60, 7_776_001])
def test_impossible_expiry_is_refused(make_provider, seconds):
    """
    The hint has the limits, and nothing is sent.
    """
    upload = FileUpload(data=b"x", name="a", media_type="text/plain", expires_after=seconds)

    with pytest.raises(UnsupportedError, match=str(seconds)) as caught:
        next(make_provider().upload_file(upload))

    assert "3600" in caught.value.hint


def test_lists_have_all_pages(make_provider):
    """
    The cursor of a page asks for the next one; a cursor that repeats ends the list.
    """
    pages = [
        json_reply({"data": [STORED], "next_page": "page_/2"}),
        json_reply({"data": [{**STORED, "id": "file_2"}], "next_page": "page_/2"}),
    ]

    calls, files = run_steps(make_provider().list_files(), pages)

    assert [call.url.partition("?")[2] for call in calls] == ["limit=1000", "limit=1000&page=page_%2F2"]
    assert [info.id for info in files] == ["file_1", "file_2"]


def test_files_are_read_and_deleted_by_their_ids(make_provider, tmp_path):
    """
    Ids are quoted, and the content is written to the target.
    """
    provider = make_provider()

    (got,), info = run_steps(provider.get_file("a/b"), [json_reply(STORED)])
    (deleted,), _ = run_steps(provider.delete_file("a/b"), [json_reply({"id": "a/b", "type": "file_deleted"})])
    (content,), _ = run_steps(provider.download_file("a/b", tmp_path / "x"), [json_reply({})])

    assert info.id == "file_1"
    assert [got.method, deleted.method, content.method] == ["GET", "DELETE", "GET"]
    assert {got.url, deleted.url} == {"https://api.anthropic.com/v1/files/a%2Fb"}
    assert content.url.endswith("/a%2Fb/content")
    assert content.reply_to == tmp_path / "x"


def test_a_list_in_another_form_is_an_error(make_provider):
    """
    The message describes the body.
    """
    with pytest.raises(BadResponseError, match="not a list of files"):
        run_steps(make_provider().list_files(), [json_reply({"data": None})])


@pytest.mark.parametrize(
    ("status", "code", "expected", "cure"),
    [
        (400, "image_dimensions_too_large", InvalidRequestError, "longer than 2000 pixels"),
        (400, "file_not_downloadable", InvalidRequestError, "tools created"),
        (404, "file_expired", NotFoundError, "Upload the file again"),
    ],
)
def test_errors_say_the_cure(make_provider, status, code, expected, cure):
    """
    The code in the details of an error decides its hint.
    """
    details = {"error_code": code, "max_side_length_pixels": 2000}
    body = {"type": "error", "error": {"type": "some_error", "message": "No.", "details": details}}

    error = make_provider().error(json_reply(body, status))

    assert type(error) is expected
    assert (error.code, error.retryable) == (code, False)
    assert cure in error.hint
