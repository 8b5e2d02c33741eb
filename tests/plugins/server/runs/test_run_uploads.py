"""Which files may be uploaded for runs, and how they are received."""

from __future__ import annotations

import asyncio
import stat

import pytest
from starlette.requests import Request

from budwood_generation.documents.formats import KINDS
from budwood_server.api import run_documents
from budwood_server.api.exchanges import to_exchange
from budwood_server.runs.document_names import SUFFIXES
from budwood_server.web.problems import ProblemError
from tests.plugins.server.gateway_server import ClockedLoop
from tests.plugins.server.runs.running import RunGateway

SECONDS = 10
"""The time for a body."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with runs.
    """
    with RunGateway(tmp_path_factory.mktemp("runs")) as gateway:
        yield gateway


@pytest.mark.parametrize("name", ["x.exe", "notes", "a%E2%80%AEcod.md", "a%C2%85b.md", "a%EF%BB%BF.md"])
def test_names_are_refused_at_upload(gateway, name):
    """
    Types that no run reads, and characters that cannot be seen.
    """
    status, body = gateway.request("POST", f"/documents?name={name}", b"content")

    assert status == 400
    assert "name" in body["error"]["message"] or all(each in body["error"]["hint"] for each in SUFFIXES)
    assert body["error"]["hint"]


def test_every_type_that_a_run_reads_can_be_uploaded(gateway):
    """
    Documents, and a schema.
    """
    assert {*SUFFIXES} == {f".{each.rpartition('.')[2]}" for each in KINDS} | {".json"}
    for suffix in SUFFIXES:
        assert gateway.request("POST", f"/documents?name=x{suffix.upper()}", b"content")[0] == 201


def test_a_file_without_content_is_refused(gateway):
    """
    As by the files of the gateway.
    """
    status, body = gateway.request("POST", "/documents?name=a.md", b"")

    assert (status, body["error"]["code"]) == (400, "empty_file")
    assert body["error"]["hint"]


def test_nobody_else_on_the_machine_reads_uploads(gateway):
    """
    Whatever the mask of the process permits.
    """
    _, document = gateway.request("POST", "/documents?name=private.md", b"private")
    path = gateway.folder / "runs" / "documents" / document["id"]

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("sent", [[], [b"# Roots"]])
def test_slow_uploads_end(tmp_path, sent):
    """
    A body that does not arrive in time is an error, also if nothing of it has come.
    """
    with asyncio.Runner(loop_factory=ClockedLoop) as runner, pytest.raises(ProblemError) as caught:
        runner.run(receive_slowly(tmp_path / "content", [*sent]))

    assert (caught.value.problem.status, caught.value.problem.code) == (408, "request_timeout")


async def receive_slowly(path, sent):
    """
    Receive a body whose rest does not come.
    """

    async def receive():
        if sent:
            return {"type": "http.request", "body": sent.pop(), "more_body": True}
        asyncio.get_running_loop().advance(SECONDS + 1)
        return await asyncio.Event().wait()

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    return await run_documents._receive(to_exchange(request), path, 100, SECONDS)


def test_a_document_without_a_passage_is_named_as_the_cause(gateway):
    """
    The run has documents, so the hint does not only ask for some.
    """
    _, document = gateway.request("POST", "/documents?name=short.md", b"top\n")
    documents = {"paths": [document["id"]]}
    run = gateway.submit({"rows": 1, "conversation": {"answerer": "fast"}, "documents": documents})
    gateway.execute()

    assert "empty or too short" in str(gateway.find(run)["error"])
