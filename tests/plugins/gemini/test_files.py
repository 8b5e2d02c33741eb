from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ConnectionFailedError, InvalidRequestError
from budwood.types import BodyFile, FileUpload, HTTPReply, ReplyHead
from tests.steps import run_steps

ROW = {"name": "files/abc", "displayName": "a.mp4", "mimeType": "video/mp4", "sizeBytes": "3", "state": "PROCESSING"}
URL = {"x-goog-upload-url": "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=x"}


def respond(body=None, **headers):
    """
    Create a reply.
    """
    content = b"" if body is None else json.dumps(body).encode()
    return HTTPReply(ReplyHead(200, {name.replace("_", "-"): value for name, value in headers.items()}), content)


def started(url=URL["x-goog-upload-url"]):
    """
    Create the reply to the first request of an upload.
    """
    return respond(x_goog_upload_url=url)


def test_a_file_is_sent_in_blocks(gemini, tmp_path):
    """
    The file stays a file in the body; the size is announced.
    """
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mp4")
    upload = FileUpload(path=path, name="a.mp4", media_type="video/mp4")
    calls, info = run_steps(gemini().upload_file(upload), [started(), respond({"file": ROW})])

    assert calls[0].headers["x-goog-upload-header-content-length"] == "3"
    assert calls[1].body == (BodyFile(path, 0),)
    assert (info.id, info.size, info.ready) == ("files/abc", 3, False)


def test_only_the_rest_is_sent_after_a_lost_connection(gemini, tmp_path):
    """
    Google says how much it has received.
    """
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mp4")
    upload = FileUpload(path=path, name="a.mp4", media_type="video/mp4")
    received = respond(x_goog_upload_status="active", x_goog_upload_size_received="2")
    replies = [started(), ConnectionFailedError("lost"), received, respond({"file": ROW})]
    (_, first, query, second), _ = run_steps(gemini().upload_file(upload), replies)

    assert (first.headers["x-goog-upload-offset"], first.repeatable) == ("0", False)
    assert (query.headers["x-goog-upload-command"], query.delay) == ("query", 1.0)
    assert (second.headers["x-goog-upload-offset"], second.body) == ("2", (BodyFile(path, 2),))


def test_an_upload_whose_end_is_not_known_is_an_error(gemini):
    """
    Google has the file already, but its record is lost.
    """
    upload = FileUpload(data=b"mp4", name="a.mp4", media_type="video/mp4")
    replies = [started(), ConnectionFailedError("lost"), respond(x_goog_upload_status="final")]
    with pytest.raises(ConnectionFailedError):
        run_steps(gemini().upload_file(upload), replies)


def test_an_upload_stays_at_the_host_of_the_api(gemini):
    """
    A proxy gets the second request as well, and another host gets nothing.
    """
    upload = FileUpload(data=b"mp4", name="a.mp4", media_type="video/mp4", expires_after=3600)
    provider = gemini(base_url="https://proxy.example/google/v1beta")
    (first, second), _ = run_steps(
        provider.upload_file(upload), [started("https://evil.example/upload?id=x"), respond({"file": ROW})]
    )

    assert first.url == "https://proxy.example/google/upload/v1beta/files"
    assert second.url == "https://proxy.example/upload?id=x"
    assert [adaptation.parameter for adaptation in first.adaptations] == ["expires_after"]


@pytest.mark.parametrize(
    ("base_url", "start"),
    [
        ("http://localhost:8080", "http://localhost:8080/upload/files"),
        ("http://localhost:8080/v1beta", "http://localhost:8080/upload/v1beta/files"),
    ],
)
def test_an_upload_starts_at_the_host_of_an_address_without_a_path(gemini, base_url, start):
    """
    A proxy may serve the API at the root of its host.
    """
    upload = FileUpload(data=b"mp4", name="a.mp4", media_type="video/mp4")
    (first, _), _ = run_steps(gemini(base_url=base_url).upload_file(upload), [started(), respond({"file": ROW})])

    assert first.url == start


def test_an_upload_without_an_address_is_an_error(gemini):
    """
    The content is not sent.
    """
    upload = FileUpload(data=b"mp4", name="a.mp4", media_type="video/mp4")
    with pytest.raises(BadResponseError, match="no address"):
        run_steps(gemini().upload_file(upload), [respond()])


def test_all_pages_of_the_list_are_read(gemini):
    """
    A page may refer to the next one.
    """
    pages = [respond({"files": [ROW], "nextPageToken": "a/b"}), respond({"files": [ROW]}), respond({})]
    calls, files = run_steps(gemini().list_files(), pages[:2])
    _, none = run_steps(gemini().list_files(), pages[2:])

    assert [call.url.partition("?")[2] for call in calls] == ["pageSize=100", "pageSize=100&pageToken=a%2Fb"]
    assert (len(files), none) == (2, ())


def test_a_file_is_read_deleted_and_downloaded(gemini, tmp_path):
    """
    Ids have the form of names, or only their last part.
    """
    base = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    (call,), info = run_steps(gemini().get_file("files/abc"), [respond({**ROW, "state": "ACTIVE"})])
    assert (call.method, call.url, info.ready) == ("GET", base, True)

    (call,), _ = run_steps(gemini().delete_file("abc"), [respond({})])
    assert (call.method, call.url) == ("DELETE", base)

    (call,), _ = run_steps(gemini().download_file("files/abc", tmp_path / "a"), [respond()])
    assert (call.url, call.reply_to) == (f"{base}:download?alt=media", tmp_path / "a")


def test_a_file_that_cannot_be_processed_is_an_error(gemini):
    """
    Otherwise one would wait for it forever.
    """
    failed = {**ROW, "state": "FAILED", "error": {"message": "Damaged."}}
    with pytest.raises(InvalidRequestError, match="files/abc: Damaged"):
        run_steps(gemini().get_file("files/abc"), [respond(failed)])
