"""The patterns of a specification look at a limited number of files, and only while somebody waits."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from threading import Event

import pytest

from budwood_server.runs import submission
from budwood_server.runs.document_folder import DocumentFolder
from budwood_server.runs.work_limits import WorkCancelledError, WorkLimit, run_limited
from budwood_server.web.problems import ProblemError
from tests.plugins.server.in_process import CLIENT, find_app
from tests.plugins.server.runs.running import RunGateway

DEPTH = 14


@pytest.fixture
def gateway(tmp_path):
    """
    A gateway with documents in folders in each other.
    """
    with RunGateway(tmp_path) as gateway:
        gateway.documents.joinpath(*["a"] * DEPTH).mkdir(parents=True)
        (gateway.documents / "a" / "page.md").write_text("# Page\n\nThe shoot gives the fruit.\n", "utf-8")
        yield gateway


def specify(*paths, exclude=()):
    """
    Return a specification with documents.
    """
    documents = {"paths": [*paths], "exclude": [*exclude]}
    return {"rows": 1, "conversation": {"answerer": "fast"}, "documents": documents}


@pytest.mark.parametrize("parts", [("**",) * 10 + ("zz",), ("**", "*") * 7 + ("zz",), ("**", "a", "**") * 5 + ("zz",)])
def test_no_rest_of_a_pattern_is_looked_for_twice_in_a_folder(gateway, parts):
    """
    The number of entries grows with the product of folders and parts, not with the ways to reach a folder.
    """
    with closing(DocumentFolder(gateway.documents)) as folder:
        found = list(folder.find(parts, "field", WorkLimit(8 * DEPTH * len(parts))))

    assert len(found) == len(set(found))


@pytest.mark.parametrize("parts", [("**",), ("**", "**"), ("**", "*"), ("a", "**", "**", "page.md")])
def test_repeated_stars_match_what_one_matches(gateway, parts):
    """
    The last ``**`` matches files, and each is found once.
    """
    with closing(DocumentFolder(gateway.documents)) as folder:
        found = [path for path in folder.find(parts, "field") if folder.find_kind(path) == "file"]

    assert found == [("a", "page.md")]


def test_all_patterns_together_have_a_limit(gateway, monkeypatch):
    """
    Patterns to exclude count, too. The error names the limit and says what to do.
    """
    monkeypatch.setattr(submission, "WorkLimit", lambda: WorkLimit(70))
    assert gateway.submit(specify("**/*.md"))["state"] == "queued"

    for refused in (specify("**/*.md", "**/page.md"), specify("**/*", exclude=[f"x{n}" for n in range(100)])):
        status, body = gateway.request("POST", "", {"specification": refused})

        assert (status, body["error"]["code"]) == (400, "invalid_specification")
        assert "more than 70 files and folders" in body["error"]["message"]
        assert "the limit is 70 for all patterns" in body["error"]["hint"]


def test_a_search_ends_when_it_is_cancelled(gateway):
    """
    At the next entry.
    """
    work = WorkLimit()
    with closing(DocumentFolder(gateway.documents)) as folder:
        found = folder.find(("**", "*"), "field", work)
        next(found)
        work.cancel()
        with pytest.raises(WorkCancelledError):
            list(found)


def test_the_thread_has_ended_when_its_caller_is_cancelled():
    """
    So nothing writes to the folder that is removed then.
    """
    started, ended = Event(), Event()

    def look(work):
        started.set()
        try:
            look_until_cancelled(work)
        finally:
            ended.set()

    async def call():
        task = asyncio.create_task(run_limited(WorkLimit(), look))
        await asyncio.to_thread(started.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(call())


def look_until_cancelled(work):
    """
    Look at entries for ever.
    """
    while True:
        work.check()


def test_a_client_that_leaves_ends_its_search(gateway, monkeypatch):
    """
    Nothing of its run is left.
    """
    started = Event()

    def prepare(_table, folder, _settings, _uploads, work):
        (folder / "copy").touch()
        started.set()
        look_until_cancelled(work)

    monkeypatch.setattr(submission, "prepare_folder", prepare)
    statuses = gateway.run(submit_and_leave(gateway, started))

    assert statuses == [499]
    assert list((gateway.folder / "runs" / "parts").iterdir()) == []
    assert gateway.request("GET")[1]["items"] == []


async def submit_and_leave(gateway, started):
    """
    Submit a run, leave when it is prepared, and return the statuses that are sent to nobody.
    """
    body = json.dumps({"specification": specify("**/*.md")}).encode()
    unread = [{"type": "http.request", "body": body}]
    statuses = []

    async def receive():
        if unread:
            return unread.pop()
        await asyncio.to_thread(started.wait)
        return {"type": "http.disconnect"}

    async def send(message):
        statuses.extend([message["status"]] if "status" in message else [])

    headers = {"authorization": f"Bearer {gateway.keys['owner']}", "content-type": "application/json"}
    headers["content-length"] = str(len(body))
    scope = {"type": "http", "method": "POST", "path": "/api/runs", "query_string": b"", "client": CLIENT}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await find_app(gateway.worker)(scope | {"headers": pairs}, receive, send)
    return statuses


def test_the_limit_names_the_field():
    """
    It is the one whose pattern was looked for.
    """
    with pytest.raises(ProblemError, match=r"^documents\.paths\[3\]: "):
        WorkLimit(1).spend(2, "documents.paths[3]")
