"""``/api/runs``: from a specification to rows."""

from __future__ import annotations

import json
import uuid
import zipfile
from io import BytesIO

import pytest
from sqlalchemy import select

from budwood.types import CallFilter
from budwood_server.database.tables import AUDIT
from budwood_server.runs import store
from budwood_server.runs.following import RunChanges
from budwood_server.web import event_streams
from tests.plugins.server.runs.running import RunGateway, conversation


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with runs.
    """
    with RunGateway(tmp_path_factory.mktemp("runs")) as gateway:
        yield gateway


def test_a_run_is_executed_and_its_rows_are_read(gateway):
    """
    It waits, a worker executes it with a model of the gateway, and its rows come back in pages.
    """
    run = gateway.submit(conversation(3), name="grafting")
    assert (run["state"], run["name"], run["progress"]["rows_done"]) == ("queued", "grafting", 0)

    gateway.execute()

    done = gateway.find(run)
    assert (done["state"], done["error"]) == ("complete", None)
    assert (done["progress"]["rows"], done["progress"]["rows_done"], done["progress"]["calls"]) == (3, 3, 3)
    status, page = gateway.request("GET", f"/{run['id']}/rows?limit=2")
    assert status == 200
    assert [row["index"] for row in page["items"]] == [0, 1]
    _, rest = gateway.request("GET", f"/{run['id']}/rows?limit=2&cursor={page['next_cursor']}")
    assert [row["index"] for row in rest["items"]] == [2]
    assert rest["next_cursor"] is None


def test_uploads_may_be_larger_than_other_bodies(tmp_path):
    """
    They have a limit of their own, and are written to a file as they arrive.
    """
    with RunGateway(tmp_path, server={"max_body": 1024}) as gateway:
        status, document = gateway.request("POST", "/documents?name=a.txt", b"x" * 5000)
        refused, _ = gateway.request("POST", "", {"specification": conversation(), "name": "x" * 5000})

    assert (status, document["bytes"], refused) == (201, 5000, 413)


@pytest.fixture
def done(gateway):
    """
    A run that is complete.
    """
    run = gateway.submit(conversation(2))
    gateway.execute()
    return run


def test_an_uploaded_document_is_read_by_its_id(gateway):
    """
    A run has a copy of it, so that it can be deleted at once. The same upload again is the same document.
    """
    content = b"# Grafting\n\nThe rootstock gives roots and vigour. The shoot gives the fruit of the tree.\n"
    status, document = gateway.request("POST", "/documents?name=grafting.md", content)
    assert (status, document["name"], document["bytes"]) == (201, "grafting.md", len(content))
    assert gateway.request("POST", "/documents?name=grafting.md", content)[1]["id"] == document["id"]
    assert document["id"] in [each["id"] for each in gateway.request("GET", "/documents")[1]["items"]]

    text = f'rows = 1\n[conversation]\nanswerer = "fast"\n[documents]\npaths = ["{document["id"]}"]\n'
    run = gateway.submit(text)
    assert run["name"] == "1 conversations from grafting.md"
    assert gateway.request("DELETE", f"/documents/{document['id']}")[0] == 204
    gateway.execute()

    assert gateway.find(run)["state"] == "complete"
    _, page = gateway.request("GET", f"/{run['id']}/rows")
    assert page["items"][0]["data"]["source"]["document"] == "grafting.md"


@pytest.mark.parametrize("name", ["", "../x.md", "a/b.md", ".hidden", "~x", "a%00b", "a%0Ab", "x" * 300])
def test_the_name_of_a_document_is_that_of_a_file(gateway, name):
    """
    It has no folder.
    """
    assert gateway.request("POST", f"/documents?name={name}", b"x")[0] == 400


def test_documents_have_a_maximum_size(tmp_path):
    """
    Each of them, and those of an owner together.
    """
    with RunGateway(tmp_path, runs={"max_documents": 10, "max_uploads": 15}) as gateway:
        assert gateway.request("POST", "/documents?name=a.md", b"x" * 11)[0] == 413
        assert gateway.request("POST", "/documents?name=a.md", b"x" * 10)[0] == 201
        assert gateway.request("POST", "/documents?name=b.md", b"y" * 10)[0] == 413
        assert gateway.request("POST", "/documents?name=b.md", b"y" * 10, "other")[0] == 201


def test_runs_and_documents_belong_to_an_owner(gateway, done):
    """
    A key of the same team sees a run. Another one gets the error for a run that does not exist; admins read all.
    """
    _, document = gateway.request("POST", "/documents?name=mine.md", b"mine")
    path = f"/{done['id']}"
    for method, suffix in [
        ("GET", ""), ("GET", "/rows"), ("GET", "/events"), ("GET", "/export"),
        ("POST", "/cancel"), ("POST", "/resume"), ("DELETE", ""),
    ]:  # fmt: skip
        status, body = gateway.request(method, path + suffix, key="other")
        assert (status, body["error"]["message"]) == (404, f"No such run: '{done['id']}'."), suffix
    assert gateway.find(done, "colleague")["id"] == done["id"]
    assert gateway.find(done, "admin")["id"] == done["id"]
    assert gateway.request("DELETE", f"/documents/{document['id']}", key="other")[0] == 404
    assert "no uploaded document" in gateway.refuse(
        {"rows": 1, "conversation": {"answerer": "fast"}, "documents": {"paths": [document["id"]]}}, "other"
    )
    assert done["id"] not in [each["id"] for each in gateway.request("GET", key="other")[1]["items"]]


def test_the_same_request_submits_one_run(gateway):
    """
    With an idempotency-key, the first reply is returned again.
    """
    key = str(uuid.uuid4())
    body = {"specification": conversation(1)}
    first = gateway.request("POST", "", body, idempotency_key=key)
    again = gateway.request("POST", "", body, idempotency_key=key)

    assert first == again
    parts = gateway.folder / "runs" / "parts"
    assert list(parts.iterdir()) == []


def test_a_run_that_waits_is_cancelled_resumed_and_deleted(gateway):
    """
    Each act is in the audit log, and the files are gone at the end.
    """
    run = gateway.submit(conversation(1))
    path = f"/{run['id']}"
    assert gateway.request("POST", f"{path}/resume")[0] == 409
    assert gateway.request("POST", f"{path}/cancel")[1]["state"] == "cancelled"
    assert gateway.request("POST", f"{path}/cancel")[0] == 409
    assert gateway.request("GET", f"{path}/export")[0] == 409
    assert gateway.request("POST", f"{path}/resume")[1]["state"] == "queued"
    gateway.execute()
    assert gateway.request("POST", f"{path}/resume")[0] == 409
    assert gateway.request("DELETE", path)[0] == 204
    assert gateway.request("GET", path)[0] == 404
    assert not (gateway.folder / "runs" / "runs" / run["id"]).exists()
    assert gateway.run(list_acts(gateway, run["id"])) == ["run.submit", "run.cancel", "run.resume", "run.delete"]


async def list_acts(gateway, target):
    """
    Return the acts on something, from the audit log.
    """
    query = select(AUDIT.c.action).where(AUDIT.c.target == target).order_by(AUDIT.c.id)
    async with gateway.worker.database.read() as connection:
        return [*(await connection.execute(query)).scalars()]


def test_runs_are_listed_by_state(gateway, done):
    """
    The newest come first.
    """
    _, page = gateway.request("GET", "?state=complete&limit=1")

    assert [run["id"] for run in page["items"]] == [done["id"]]
    assert page["next_cursor"]
    assert gateway.request("GET", "?state=wrong")[0] == 400


def test_events_end_with_the_run(gateway, done):
    """
    A client that has the last event gets the end alone.
    """
    _, body = gateway.request("GET", f"/{done['id']}/events")
    events = body.decode().split("\n\n")

    assert events[1].splitlines()[1] == "event: end"
    data = json.loads(events[1].splitlines()[2].removeprefix("data: "))
    assert (data["state"], data["progress"]["rows_done"], "specification" in data) == ("complete", 2, False)


def test_a_stream_sends_progress_and_comments(gateway, monkeypatch):
    """
    Each change is an event; without changes there are comments.
    """
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.0)
    run = gateway.submit(conversation(1))
    looks = iter([True, True, True, False])

    async def find():
        async with gateway.worker.database.read() as connection:
            return await store.find_run(connection, run["id"], None)

    async def may_continue():
        return next(looks)

    streams = event_streams.EventStreams("runs", "GET")

    async def follow():
        events = streams.follow(RunChanges(find, 0).look, keep_alive=0.0, may_continue=may_continue)
        return [part async for part in events]

    parts = gateway.run(follow())

    assert parts[1].startswith(b"id: 1\nevent: progress\ndata: {")
    assert parts[2:] == [event_streams.COMMENT] * 2
    gateway.request("POST", f"/{run['id']}/cancel")


@pytest.mark.parametrize(("to", "start"), [("jsonl", b'{"id"'), ("openai", b'{"messages"'), ("csv", b"id,")])
def test_rows_are_exported(gateway, done, to, start):
    """
    The file has the format of trainers.
    """
    status, content = gateway.request("GET", f"/{done['id']}/export?format={to}")

    assert (status, content[: len(start)]) == (200, start)
    assert list((gateway.folder / "runs" / "parts").iterdir()) == []


def test_several_files_are_an_archive(gateway, done):
    """
    A split has a file for training and one for validation.
    """
    status, content = gateway.request("GET", f"/{done['id']}/export?format=llama-factory")

    assert status == 200
    assert "dataset_info.json" in zipfile.ZipFile(BytesIO(content)).namelist()


def test_calls_are_those_of_the_key(gateway):
    """
    A model that the key may not use is refused, and calls are recorded with the key, the label and the run.
    """
    token = gateway.create_key(models=["other/*"])
    assert "may not use the model" in gateway.refuse(conversation(1), token)

    token = gateway.create_key(models=["fast"])
    run = gateway.submit(conversation(2), token, name="labelled")
    gateway.execute()
    assert gateway.find(run, token)["state"] == "complete"
    gateway.run(gateway.worker.services.usage.flush())
    calls = gateway.run(gateway.worker.services.usage.calls(CallFilter(label="labelled")))
    assert [call.tags["run"] for call in calls] == [run["id"]] * 2


def test_a_run_of_a_key_that_was_revoked_fails(gateway):
    """
    The error says so.
    """
    token = gateway.create_key(name="short")
    run = gateway.submit(conversation(1), token)
    key = gateway.run(gateway.worker.find_key(token))
    gateway.run(gateway.worker.services.keys.store.revoke(key.id))
    gateway.execute()

    found = gateway.find(run, "admin")
    assert (found["state"], found["error"]["message"]) == ("failed", "The key that submitted the run was revoked.")


def test_runs_are_off_without_a_folder(tmp_path):
    """
    The error says what the operator does.
    """
    with RunGateway(tmp_path, runs={"dir": None}) as gateway:
        status, body = gateway.request("POST", "", {"specification": conversation()})

    assert (status, body["error"]["code"]) == (404, "runs_disabled")
