"""Old runs and documents, and files that a killed process left, are removed."""

from __future__ import annotations

import time

import pytest

from budwood_server.runs.folders import RunFolders
from budwood_server.runs.kept_files import KeptFiles
from budwood_server.runs.retention import UNFINISHED_SECONDS, Retention
from budwood_server.settings import DAY_SECONDS
from tests.plugins.server.runs.running import RunGateway, conversation

CONTENT = b"# Grafting\n\nThe rootstock gives roots and vigour. The shoot gives the fruit of the tree.\n"
MONTH = 30 * DAY_SECONDS


class Killed(BaseException):
    """
    The end of the process.
    """


@pytest.fixture
def gateway(tmp_path):
    """
    A gateway with runs.
    """
    with RunGateway(tmp_path) as gateway:
        yield gateway


def sweep(gateway, after=0.0):
    """
    Remove what is old some seconds from now.
    """
    folders = RunFolders(gateway.folder / "runs")
    retention = Retention(gateway.worker.database, folders, 30.0, lambda: time.time() + after)
    gateway.run(retention.sweep())


def list_files(gateway):
    """
    Return the names of files of runs and documents, with marks and parts.
    """
    root = gateway.folder / "runs"
    return sorted(path.name for name in ("runs", "documents", "parts") for path in (root / name).glob("*"))


def upload(gateway, name="grafting.md"):
    """
    Upload a document, and return it.
    """
    status, document = gateway.request("POST", f"/documents?name={name}", CONTENT)
    assert status == 201, document
    return document


def list_ids(gateway, path=""):
    """
    Return the ids of runs or documents that a client sees.
    """
    return [each["id"] for each in gateway.request("GET", path)[1]["items"]]


def test_old_runs_and_documents_are_removed(tmp_path, database_url):
    """
    Of runs, those that have ended; of documents, those that no waiting run names.
    """
    with RunGateway(tmp_path, database_url) as gateway:
        done = gateway.submit(conversation(1))
        gateway.execute()
        named, unnamed = upload(gateway, "named.md"), upload(gateway, "unnamed.md")
        waiting = gateway.submit(conversation(1, documents={"paths": [named["id"]]}))

        sweep(gateway, MONTH - 60)
        everything = sorted([done["id"], waiting["id"], named["id"], unnamed["id"]])
        assert list_files(gateway) == everything

        sweep(gateway, MONTH + 60)
        assert list_ids(gateway) == [waiting["id"]]
        assert list_ids(gateway, "/documents") == [named["id"]]
        assert list_files(gateway) == sorted([waiting["id"], named["id"]])
        assert gateway.request("GET", f"/{done['id']}/rows")[0] == 404


def test_the_worker_removes_them(gateway):
    """
    With the retention of the settings at that time.
    """
    done = gateway.submit(conversation(1))
    gateway.execute()
    assert list_ids(gateway) == [done["id"]]

    server = gateway.worker.configuration.server
    runs = server.runs.model_copy(update={"retention": 1e-9})
    gateway.worker.configuration.server = server.model_copy(update={"runs": runs})
    gateway.execute()

    assert list_ids(gateway) == list_files(gateway) == []


def test_a_document_that_is_uploaded_again_is_kept_longer(gateway):
    """
    It counts as uploaded then, so that a run can name it.
    """
    first = upload(gateway)
    again = upload(gateway)

    assert (again["id"], again["created"] > first["created"]) == (first["id"], True)


@pytest.mark.parametrize("way", ["retention", "delete"])
def test_a_kill_leaves_nothing_half_visible(gateway, monkeypatch, way):
    """
    The row goes first. A later pass removes the files.
    """
    run, document = gateway.submit(conversation(1)), upload(gateway)
    gateway.execute()

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(KeptFiles, "remove", die)
        for path, after in ((f"/{run['id']}", MONTH + 60), (f"/documents/{document['id']}", MONTH + 60)):
            with pytest.raises(Killed):
                gateway.request("DELETE", path) if way == "delete" else sweep(gateway, after)

    assert list_ids(gateway) == list_ids(gateway, "/documents") == []
    marked = [run["id"], document["id"]]
    assert list_files(gateway) == sorted([*marked, *(f"{each}.unused" for each in marked)])
    sweep(gateway)
    assert len(list_files(gateway)) == 4  # the process could still be at work
    sweep(gateway, UNFINISHED_SECONDS + 60)
    assert list_files(gateway) == []


def test_files_of_a_killed_submission_are_removed(gateway):
    """
    Those without a row, and unfinished ones; a mark next to the files of a row is all that is removed of it.
    """
    run = gateway.submit(conversation(1))
    folders = RunFolders(gateway.folder / "runs")
    folders.runs.mark([run["id"]])
    for name in ("run_lost", "doc_lost"):
        files = folders.runs if name.startswith("run") else folders.documents
        files.folder.mkdir(exist_ok=True)
        part = gateway.folder / name
        part.mkdir()
        files.keep(part, name)
    (folders.root / "parts" / "abc" / "input").mkdir(parents=True)

    sweep(gateway)
    assert len(list_files(gateway)) == 7
    sweep(gateway, UNFINISHED_SECONDS + 60)
    assert list_files(gateway) == [run["id"]]


def test_files_of_another_database_stay(gateway):
    """
    A worker with the wrong database must not remove the runs of the right one.
    """
    foreign = gateway.folder / "runs" / "runs" / "run_foreign"
    foreign.mkdir(parents=True)

    sweep(gateway, 10 * MONTH)

    assert foreign.is_dir()
