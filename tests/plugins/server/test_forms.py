"""Forms: fields, files in temporary files, limits, and clients that leave."""

from __future__ import annotations

import asyncio
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_server.web.exchange import Exchange
from budwood_server.web.forms import nest_fields, parse_values, read_form
from budwood_server.web.problems import ClientGoneError, ProblemError

BOUNDARY = "xyz"


def encode(*parts, end=True):
    """
    Encode parts of a form: name, file name or None, content.
    """
    body = b""
    for name, filename, content in parts:
        of_file = f'; filename="{filename}"\r\nContent-Type: image/png' if filename is not None else ""
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def read(messages, *, limit=1000, timeout=60.0, content_type=f"multipart/form-data; boundary={BOUNDARY}"):
    """
    Read a form; return its fields, and the content of its files by name.
    """

    async def run():
        waiting = iter(messages)

        async def receive():
            if (message := next(waiting, None)) is None:
                await asyncio.Event().wait()
            return message

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", content_type.encode())]}
        exchange = Exchange(scope, receive, None, "req_1")
        async with read_form(exchange, limit, timeout) as form:
            return form.fields, {(file.field, file.name): file.path.read_bytes() for file in form.files}

    return asyncio.run(run())


def messages_of(body, size=10**9):
    """
    Return the body as messages of ASGI.
    """
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return [{"type": "http.request", "body": each, "more_body": True} for each in chunks] + [
        {"type": "http.request", "body": b"", "more_body": False}
    ]


def problem_of(messages, **options):
    """
    Return the problem of a form that cannot be read.
    """
    with pytest.raises(ProblemError) as error:
        read(messages, **options)
    return error.value.problem


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """
    The folder of temporary files, which is empty after each test.
    """
    folder = tmp_path / "forms"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@given(content=st.binary(min_size=1, max_size=3000), size=st.integers(1, 400))
def test_content_arrives_unchanged_however_it_is_split(content, size):
    """
    The bytes of a file do not depend on where the body is split; temporary files are deleted.
    """
    body = encode(("note", None, b"h\xc3\xa9"), ("image[]", "a.png", content), ("image[]", "b.png", b""))

    fields, files = read(messages_of(body, size), limit=5000)

    assert fields == {"note": "hé"}
    assert files == {("image[]", "a.png"): content, ("image[]", "b.png"): b""}


def test_names_of_files_have_no_folders():
    """
    A name with folders names a file, wherever it was at the client.
    """
    body = encode(("file", "../../etc/passwd", b"1"))

    assert read(messages_of(body))[1] == {("file", "passwd"): b"1"}


def test_brackets_are_lists_and_objects():
    """
    ``a[]`` is a list, ``a[b]`` an object, and a repeated field a list.
    """
    fields = [("a[]", "1"), ("a[]", "2"), ("b[c]", "3"), ("b[d][e]", "4"), ("f", "5"), ("f", "6"), ("g[0]", "7")]

    assert nest_fields(fields) == {"a": ["1", "2"], "b": {"c": "3", "d": {"e": "4"}}, "f": ["5", "6"], "g": ["7"]}


@pytest.mark.parametrize("names", [("a", "a[b]"), ("a[b]", "a"), ("a[]", "a[b]")])
def test_conflicts_are_named(names):
    """
    A field that is both a value and an object is refused.
    """
    with pytest.raises(ProblemError):
        nest_fields((name, "1") for name in names)


def test_values_of_texts():
    """
    Only the named fields are converted, and what is no JSON stays as it is.
    """
    fields = {"n": "2", "stream": "true", "prompt": "3", "seed": "x"}

    parse_values(fields, ("n", "stream", "seed", "other"))

    assert fields == {"n": 2, "stream": True, "prompt": "3", "seed": "x"}


def test_file_that_is_too_large():
    """
    A file of more than the limit is a 413.
    """
    assert problem_of(messages_of(encode(("file", "a", bytes(1001))), 100)).status == 413


def test_truncated_form():
    """
    A form without its end is a 400.
    """
    assert problem_of(messages_of(encode(("file", "a", bytes(10)), end=False))).code == "invalid_form"


def test_other_content_types():
    """
    A body that is no form is a 415.
    """
    assert problem_of([], content_type="application/json").status == 415


def test_form_that_does_not_arrive():
    """
    A client that stops sending gets a 408.
    """
    first = messages_of(encode(("file", "a", bytes(10)), end=False))[:1]

    assert problem_of(first, timeout=0.01).status == 408


def test_client_that_leaves():
    """
    The files of a client that leaves are deleted.
    """
    with pytest.raises(ClientGoneError):
        read([*messages_of(encode(("file", "a", bytes(10)), end=False))[:1], {"type": "http.disconnect"}])
