"""Files at a vendor on loopback."""

from __future__ import annotations

import asyncio
import io
from functools import partial

import pytest

from budwood import Image
from budwood.errors import ConfigurationError, NotFoundError, PromptError, RequestTimeoutError, UnsupportedError
from tests.job_vendor import make_async_client, make_client
from tests.media_server import PNG, disconnect


@pytest.fixture
def files(vendor, clock):
    """
    The files at the vendor.
    """
    with make_client(vendor.url, clock=clock) as client:
        yield client.files


def test_files_are_stored_listed_read_and_deleted(vendor, files, tmp_path):
    """
    They are those of the vendor of the client's model.
    """
    (tmp_path / "cat.png").write_bytes(PNG)

    info = files.upload(tmp_path / "cat.png", expires_after=3600)

    assert (info.id, info.provider, info.name, info.size, info.purpose) == (
        "file-1",
        "vendor",
        "cat.png",
        len(PNG),
        "input",
    )
    assert vendor.files["file-1"][0]["media_type"] == "image/png"
    assert files.list() == (info,)
    assert files.get("file-1") == info
    assert files.content("file-1") == PNG
    assert files.content("file-1", output=tmp_path / "copy.png") == tmp_path / "copy.png"
    assert (tmp_path / "copy.png").read_bytes() == PNG
    files.delete("file-1")
    assert files.list() == ()
    with pytest.raises(NotFoundError, match="Check the id"):
        files.get("file-1")


@pytest.mark.parametrize("file_id", ["", " ", "..", "/", None, 5])
def test_what_is_no_id_is_refused(vendor, files, tmp_path, file_id):
    """
    In the path of a URL, it would name another thing, such as all files. Nothing is sent.
    """
    for call in (files.get, files.delete, files.content, partial(files.content, output=tmp_path / "a")):
        with pytest.raises(ConfigurationError, match="Invalid id of a file"):
            call(file_id)
    assert vendor.lines() == []


def test_async_client_stores_files(vendor, clock):
    """
    It mirrors the blocking one.
    """

    async def main():
        async with make_async_client(vendor.url, clock=clock) as client:
            info = await client.files.upload(PNG, name="cat.png")
            listed = await client.files.list()
            assert await client.files.get(info.id) == info
            content = await client.files.content(info.id)
            await client.files.delete(info.id)
            return info, listed, content, await client.files.list()

    info, listed, content, left = asyncio.run(main())

    assert listed == (info,)
    assert (content, left) == (PNG, ())


@pytest.mark.parametrize("file", [PNG, io.BytesIO(PNG), Image(data=PNG)])
def test_content_has_no_name_of_its_own(vendor, files, file):
    """
    Name and type can be passed; the type is that of the content otherwise.
    """
    files.upload(file)
    files.upload(b"a,b\n", name="table.csv", media_type="text/csv")

    types = [record["media_type"] for record, _ in vendor.files.values()]
    assert types == ["image/png", "text/csv"]


def test_large_file_is_sent_from_the_disk(vendor, files, tmp_path):
    """
    It is not read into memory.
    """
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(8 * 1024 * 1024)

    files.upload(path)

    assert vendor.requests[0].size > 8 * 1024 * 1024


def test_upload_waits_until_the_file_is_ready(vendor, files, clock):
    """
    Vendors process files for a while.
    """

    def answer(handler):
        handler.send(200, {"id": "file-1", "filename": "a", "bytes": 1, "purpose": "input", "status": "pending"})

    vendor.fault = lambda number, _: answer if number < 4 else None
    vendor.store("a", b"a", None, "input")

    assert files.upload(b"a").ready
    assert clock.slept == [1.0, 1.5, 2.25]

    vendor.fault = lambda _number, _request: answer
    with pytest.raises(RequestTimeoutError, match="has not processed the file file-1 in time"):
        files.upload(b"a", wait=5)


def test_invalid_arguments_are_refused(vendor, files, tmp_path):
    """
    Nothing is sent.
    """
    with pytest.raises(PromptError, match="Cannot read"):
        files.upload(tmp_path / "missing")
    with pytest.raises(PromptError, match="already at a vendor"):
        files.upload(Image(file_id="file-1"))
    with pytest.raises(ConfigurationError, match="expires_after"):
        files.upload(b"a", expires_after=0)
    assert vendor.lines() == []


def test_vendor_without_files_is_refused(client):
    """
    The error is raised before anything is sent.
    """
    with pytest.raises(UnsupportedError, match="does not store files"):
        client.files.list(provider="offline")


def test_file_that_is_gone_after_a_lost_reply_is_deleted(vendor, files):
    """
    The first request deleted it, and the reply was lost, so that the second one does not find it.
    """
    files.upload(b"Hello.")

    def lose(handler):
        vendor.files.clear()
        disconnect(handler)

    vendor.fault = lambda _, request: lose if request.method == "DELETE" and vendor.files else None

    files.delete("file-1")

    assert vendor.count("DELETE /v1/files/file-1") == 2
    with pytest.raises(NotFoundError):
        files.delete("file-1")
