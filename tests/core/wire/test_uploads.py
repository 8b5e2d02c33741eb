"""Bodies with files: checks before anything is sent, and reading in blocks."""

from __future__ import annotations

import asyncio
import os

import pytest

from budwood.errors import PromptError
from budwood.types import BodyFile, HTTPCall
from budwood.wire.uploads import BLOCK_SIZE, AsyncUpload, Upload, prepare_body, prepare_body_async, read_body


@pytest.fixture
def file(tmp_path):
    """
    A file of two blocks and five bytes.
    """
    file = tmp_path / "photo.bin"
    file.write_bytes(os.urandom(2 * BLOCK_SIZE + 5))
    return file


def test_bytes_are_not_copied():
    """
    Bytes are returned as they are, and parts without files are joined.
    """
    body = b"as it is"

    assert prepare_body(body) is body
    assert prepare_body((b"as ", b"", b"it is")) == body
    assert asyncio.run(prepare_body_async((b"as ", b"it is"))) == body


def test_files_are_read_in_blocks(file):
    """
    No block is larger than `BLOCK_SIZE`, and together they are the body.
    """
    upload = Upload((b"<", BodyFile(file), b">"))
    blocks = list(upload)

    assert [len(block) for block in blocks] == [1, BLOCK_SIZE, BLOCK_SIZE, 5, 1]
    assert b"".join(blocks) == read_body((b"<", BodyFile(file), b">")) == b"<" + file.read_bytes() + b">"
    assert upload.size == file.stat().st_size + 2


def test_path_may_be_text(file):
    """
    A text works at run time, although the type is a path.
    """
    assert read_body((BodyFile(str(file)),)) == file.read_bytes()


@pytest.mark.parametrize(("offset", "size"), [(-1, None), (2 * BLOCK_SIZE + 6, None), (10, 2 * BLOCK_SIZE), (0, -1)])
def test_range_outside_the_file_is_named(file, offset, size):
    """
    A range that the file does not have is an error.
    """
    with pytest.raises(PromptError, match=r"photo\.bin has 524,291 bytes"):
        prepare_body((BodyFile(file, offset, size),))


def test_pipe_is_rejected(tmp_path):
    """
    A file that is not regular has no size, and opening it might block.
    """
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(PromptError, match=r"Cannot send .*pipe: it is not a regular file"):
        prepare_body((BodyFile(tmp_path / "pipe"),))


@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite", "remove"])
def test_file_that_changes_while_it_is_sent_is_named(file, change):
    """
    A file that is written to or removed between two blocks raises an error that names it.
    """
    blocks = iter(Upload((BodyFile(file),)))
    next(blocks)
    if change == "remove":
        file.unlink()
    else:
        file.write_bytes(bytes({"grow": 3, "shrink": 1, "rewrite": 2}[change] * BLOCK_SIZE + 5))
        os.utime(file, ns=(0, 0))

    with pytest.raises(PromptError, match=r"photo\.bin changed while|Cannot read .*photo\.bin"):
        list(blocks)


def test_async_upload_stores_its_failure(file):
    """
    HTTP libraries hide errors of a body, so transports read them from the upload.
    """
    body = AsyncUpload(Upload((BodyFile(file),)))
    file.unlink()

    async def send():
        with pytest.raises(PromptError):
            _ = [block async for block in body]

    asyncio.run(send())
    assert isinstance(body.failure, PromptError)


def test_repr_of_a_call_reads_no_file(tmp_path):
    """
    It shows the number of bytes and files.
    """
    call = HTTPCall(method="POST", url="http://x", body=(b"1234", BodyFile(tmp_path / "nothing"), b"5"))

    assert repr(call).endswith("body=5 bytes and 1 file)")
    assert call.with_headers({"a": "b"}).body == call.body
