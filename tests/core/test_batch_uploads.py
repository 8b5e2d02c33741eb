"""Batches whose requests refer to uploaded files, and are submitted again."""

from __future__ import annotations

import json

import pytest

from budwood import BatchRequest, Client, NotFoundError, PromptError
from budwood_testing import FakeClock
from tests.batch_server import BatchServer, expire, fail, succeed
from tests.media import make_pdf

MODEL = "openai/gpt-4.1-mini"


@pytest.fixture
def server():
    """
    Return a vendor whose batches complete at the second poll.
    """
    with BatchServer() as running:
        yield running


@pytest.fixture
def client(server):
    """
    Return a client of the vendor, whose waits take no time.
    """
    clock = FakeClock(1_795_000_000.0)
    with Client(MODEL, api_key="sk-test", base_url=server.url, clock=clock, retries=0) as client:
        yield client


def find_file(line):
    """
    Return the id of the uploaded file in a line.
    """
    return next(part["file"]["file_id"] for part in line["body"]["messages"][0]["content"] if part["type"] == "file")


def answer_with_file(line):
    """
    Succeed with the id of the file.
    """
    return succeed(line | {"body": line["body"] | {"messages": [{"content": find_file(line)}]}})


def ask_about(content, count=1):
    """
    Return requests about an uploaded document.
    """
    return [BatchRequest(f"What is this? {number}", files=[content], upload="always") for number in range(count)]


def test_file_that_the_vendor_has_deleted_is_uploaded_again_once(server, client):
    """
    The error of a line says that there is no such file: submitted again, all requests refer to one new file.
    """
    server.handle = lambda line: fail(line, message=f"No such File object: {find_file(line)}", status=404)
    job = client.submit_batch(ask_about(make_pdf(), 3))
    failed = job.result()
    old = {find_file(line) for line in server.lines(0)}
    server.handle = answer_with_file
    job.resubmit()

    results = job.result()

    new = {find_file(line) for line in server.lines(1)}
    assert {type(error) for error in failed} == {NotFoundError}
    assert len(new) == 1
    assert not new & old
    assert [result.text for result in results] == [new.pop().upper()] * 3
    assert server.count("POST /files") == 4


def test_upload_that_another_machine_does_not_know_is_replaced(server, client, monkeypatch, tmp_path):
    """
    A request is the same if the content of its files is: the id of the upload changes, the id of the request does not.
    """
    server.handle = expire
    saved = client.submit_batch(ask_about(make_pdf())).to_json()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    job = client.job(saved)
    job.result()
    server.handle = answer_with_file

    job.resubmit(ask_about(make_pdf()))

    (first,), (second,) = server.lines(0), server.lines(1)
    assert first["custom_id"] == second["custom_id"]
    assert find_file(first) != find_file(second)
    assert json.dumps(first).replace(find_file(first), find_file(second)) == json.dumps(second)
    (result,) = job.result()
    assert result.text == find_file(second).upper()


def test_uploads_with_other_content_are_other_requests(server, client):
    """
    The results of one document never become those of another.
    """
    server.handle = expire
    job = client.submit_batch(ask_about(make_pdf()))
    job.result()

    job.resubmit(ask_about(make_pdf(pages=2)))

    (result,) = job.result()
    assert isinstance(result, PromptError)
    assert server.count("POST /batches") == 1


def test_file_is_the_same_under_another_path(server, client, tmp_path):
    """
    Documents within requests count by their content, and not by their paths.
    """
    server.handle = expire
    paths = [tmp_path / "one.pdf", tmp_path / "folder" / "one.pdf"]
    paths[1].parent.mkdir()
    for path in paths:
        path.write_bytes(make_pdf())
    job = client.submit_batch([BatchRequest("?", files=[paths[0]])])
    job.result()
    server.handle = lambda line: succeed(line | {"body": line["body"] | {"messages": [{"content": "done"}]}})

    job.resubmit([BatchRequest("?", files=[paths[1]])])

    (result,) = job.result()
    assert result.text == "DONE"
