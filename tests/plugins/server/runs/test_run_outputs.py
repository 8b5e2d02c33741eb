"""Runs whose rows are stored at URLs that the operator permits."""

from __future__ import annotations

import json
import signal

import pytest

from budwood import Settings
from budwood.errors import ConfigurationError
from budwood_server.runs.outputs import load_storages
from budwood_server.settings import load_server_settings
from tests.plugins.server.runs.running import SEEDS, RunGateway, WorkerProcess, conversation
from tests.plugins.server.runs.stores import NAME
from tests.plugins.server.runs.test_run_processes import HoldingServer, RunServer, submit
from tests.plugins.server.serving import wait_until

BUCKET = {"plugin": "s3", "output": "s3://bucket/datasets", "endpoint": "http://127.0.0.1:1"}
DATABASE = {"plugin": "sql", "output": "postgresql://db.example.com/datasets", "user": "writer", "password": "hunter2"}
OTHER = {"plugin": "s3", "output": "s3://private"}


def open_gateway(folder, store, **runs):
    """
    Return a gateway whose runs may write to a store.
    """
    return RunGateway(folder, runs={"storages": [NAME], **runs}, storages={NAME: store.section})


@pytest.mark.parametrize("name", [None, "grafting"])
def test_rows_are_stored_at_a_place_of_the_run(tmp_path, store, name):
    """
    Its URL has the id of the run, rows are read and exported as those of any run, and deletion leaves the place alone.
    """
    with open_gateway(tmp_path, store) as gateway:
        changes = {} if name is None else {"output": store.name_output(name)}
        runs = [gateway.submit(conversation(3, storage=NAME, **changes)) for _ in range(2)]
        gateway.execute()
        for run in map(gateway.find, runs):
            assert (run["state"], run["error"]) == ("complete", None)
            assert run["progress"]["rows_done"] == 3
            location = run["progress"]["location"]
            assert location.startswith(store.url)
            assert run["id"] in location
            assert (name or run["id"]) in location
            rows = gateway.request("GET", f"/{run['id']}/rows")[1]["items"]
            exported = gateway.request("GET", f"/{run['id']}/export?format=jsonl")[1].splitlines()
            ids = [row["id"] for row in rows]
            assert ids == [json.loads(line)["id"] for line in exported]
            assert store.read(location) == (ids, True)
            assert gateway.request("GET", f"/{run['id']}/rows", key="other")[0] == 404

            assert gateway.request("DELETE", f"/{run['id']}")[0] == 204
            assert store.read(location) == (ids, True)


@pytest.mark.parametrize("store", ["s3", pytest.param("postgresql", marks=pytest.mark.real_server)], indirect=True)
def test_secrets_of_a_storage_are_in_no_run(tmp_path, store, capfd):
    """
    Neither in what is shown, nor in files of the run, nor in a log, also if the storage refuses the credentials.
    """
    secret = store.secret
    with open_gateway(tmp_path, store) as gateway:
        gateway.submit(conversation(1, storage=NAME))
        gateway.execute()
        section = {**store.section, "output": store.url.replace("/datasets/", "/missing/")}
        if "password" in section:
            section = {**section, "user": "nobody"}
        gateway.settings["storages"] = {NAME: section}
        gateway.run(gateway.worker.reload())
        failed = gateway.submit(conversation(1, storage=NAME, patience=0))
        gateway.execute()
        assert gateway.find(failed)["state"] == "failed"
        shown = json.dumps(gateway.request("GET")[1], ensure_ascii=False)
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert len(files) > 4
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert secret not in shown
    assert secret not in "".join(capfd.readouterr())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with a bucket and a database for runs, and a bucket that is for no run.
    """
    storages = {"team-bucket": BUCKET, "team-db": DATABASE, "private": OTHER}
    runs = {"storages": ["team_bucket", "team-db"]}
    with RunGateway(tmp_path_factory.mktemp("runs"), runs=runs, storages=storages) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "output",
    [
        "s3://bucket/datasets/team-blue/run_1/manifest.json/../../x",
        "s3://bucket/datasets/..",
        "s3://bucket/datasets/%2e%2e/x",
        "s3://bucket/datasets/a%2Fb",
        "s3://bucket/datasets/a//b",
        "s3://bucket/datasets/a\\b",
        "s3://bucket/datasets/.hidden",
        "s3://bucket/datasets/a\n",
        "s3://bucket/datasets/",
        "s3://bucket/datasets-of-others/x",
        "s3://bucket/other",
        "s3://bucket",
        "s3://other/datasets/x",
        "S3://bucket/datasets/x",
        "s3://user:hunter2@bucket/datasets/x",
        "s3://bucket/datasets/x?endpoint=http://127.0.0.1",
        "s3://bucket/datasets/x#y",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "https://bucket/datasets/x",
        "sqlite:////etc/x.sqlite",
        "postgresql://db.example.com/datasets#x",
        "rows.jsonl",
        "/etc/passwd",
        "../x.jsonl",
        7,
        ["s3://bucket/datasets/x"],
    ],
)
def test_no_output_leaves_the_place_of_the_operator(gateway, output):
    """
    With the storage or without it.
    """
    message = gateway.refuse(conversation(storage="team-bucket", output=output))
    assert message.startswith("output: ")
    assert "hunter2" not in message
    if output != "rows.jsonl":
        assert gateway.refuse(conversation(output=output)).startswith("output: ")


@pytest.mark.parametrize(
    "output",
    [
        "postgresql://db.example.com/datasets#",
        "postgresql://db.example.com/datasets#budwood_datasets_of_others",
        'postgresql://db.example.com/datasets#x"; DROP TABLE y',
        "postgresql://db.example.com/datasets#a.b",
        "postgresql://db.example.com/datasets?host=127.0.0.1#x",
        "postgresql://writer:x@db.example.com/datasets#x",
        "postgresql://db.example.com/postgres#x",
        "postgresql://db.example.com:5433/datasets#x",
        "postgresql://169.254.169.254/datasets",
    ],
)
def test_no_table_of_others_is_named(gateway, output):
    """
    A name is part of the name of a new table, in the database of the operator.
    """
    assert gateway.refuse(conversation(storage="team-db", output=output)).startswith("output: ")


@pytest.mark.parametrize(
    "storage",
    [
        "private",
        "s3",
        "sql",
        "unknown",
        "budwood_s3_storage.storage:S3Storage",
        {"plugin": "team-bucket", "endpoint": "http://169.254.169.254"},
        {"plugin": "team-bucket", "output": "s3://other/x"},
        {},
        None,
        ["team-bucket"],
    ],
)
def test_only_storages_that_the_operator_lists_are_available(gateway, storage):
    """
    They take no settings of a client.
    """
    message = gateway.refuse(conversation(storage=storage, output="s3://bucket/datasets/x"))
    assert message.startswith("storage: ")


def test_a_refusal_says_what_is_permitted(gateway):
    """
    The hint has the names and the beginnings of URLs.
    """
    _, body = gateway.request("POST", "", {"specification": conversation(output="s3://other/x")})
    assert 'storage = "team-bucket" for s3://bucket/datasets/…' in body["error"]["hint"]
    assert "hunter2" not in json.dumps(body)
    _, body = gateway.request("POST", "", {"specification": conversation(storage="private")})
    assert body["error"]["hint"] == "Use one of jsonl, team-bucket, team-db."


def test_the_owner_is_part_of_the_location(gateway):
    """
    Whatever characters the name of a team has, it is one folder.
    """
    token = gateway.create_key(team="a/../b?c")
    run = gateway.submit(conversation(storage="team_bucket", output="s3://bucket/datasets/x/y"), token)
    assert run["progress"]["location"] == f"s3://bucket/datasets/team-a%2F..%2Fb%3Fc/{run['id']}/x/y"
    gateway.request("POST", f"/{run['id']}/cancel", key=token)


def test_a_run_writes_no_more_to_a_storage_that_is_not_permitted_any_more(tmp_path, store):
    """
    It fails, and is resumed once the operator permits it again.
    """
    with open_gateway(tmp_path, store) as gateway:
        run = gateway.submit(conversation(2, storage=NAME))
        gateway.settings["server"]["runs"]["storages"] = []
        gateway.run(gateway.worker.reload())
        gateway.execute()
        found = gateway.find(run)
        assert found["state"] == "failed"
        assert found["error"]["message"] == f"The run may not write to the storage '{NAME}' any more."

        gateway.settings["server"]["runs"]["storages"] = [NAME]
        gateway.run(gateway.worker.reload())
        gateway.request("POST", f"/{run['id']}/resume")
        gateway.execute()
        assert gateway.find(run)["state"] == "complete"


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"output": "rows.jsonl"},
        {"output": "sqlite:///rows.sqlite"},
        {"output": "https://bucket/x"},
        {"output": "postgresql://writer:hunter2@db.example.com/datasets"},
        {"output": "postgresql://db.example.com/datasets?password=hunter2"},
        {"output": "postgresql://db.example.com/datasets", "table": "rows"},
    ],
)
def test_a_storage_for_runs_sets_a_url_without_credentials(section):
    """
    The server does not start otherwise, and the error contains no secret.
    """
    table = {"server": {"runs": {"storages": ["team"]}}, "storages": {"team": section}}
    with pytest.raises(ConfigurationError, match=r"\[storages.team\]") as caught:
        load_server_settings(Settings.load(table))
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_a_storage_for_runs_is_not_that_of_files():
    """
    Its name would hide a storage.
    """
    with pytest.raises(ConfigurationError, match="storages"):
        load_storages(Settings.load({"storages": {"jsonl": {"output": "s3://bucket"}}}), ["jsonl"])


@pytest.mark.one_python
def test_a_run_is_continued_after_its_worker_was_killed(tmp_path, sqlite_url, store):
    """
    No row is created twice, none is missing at the location, and it can be cancelled and resumed meanwhile.
    """
    seeds = [f"{number}. {seed}" for number in range(3) for seed in SEEDS]
    strategy = {"plugin": "seed-list", "seeds": seeds}
    job = {"answerer": "fast", "strategy": strategy}
    values = "\n".join(f"{name} = {json.dumps(value)}" for name, value in store.section.items())
    runs = f'worker = false\nlease = 2\nstorages = ["{NAME}"]\n[storages.{NAME}]\n{values}'
    with HoldingServer(answers=4) as vendor, RunServer(tmp_path, sqlite_url, vendor, runs) as server:
        path = submit(server.requests, conversation(9, concurrency=2, storage=NAME, conversation=job))
        with WorkerProcess(server) as first:
            assert vendor.held.acquire(timeout=100)
            assert vendor.held.acquire(timeout=100)
            wait_until(lambda: server.find_run(path)["progress"]["rows_done"] == 4)
            first.send_signal(signal.SIGKILL)
            first.wait()
        finished = list(vendor.answered)
        assert len(server.requests.get(f"{path}/rows").json()["items"]) == 4
        with WorkerProcess(server):
            assert vendor.held.acquire(timeout=100)
            server.requests.post(f"{path}/cancel")
            wait_until(lambda: server.find_run(path)["state"] == "cancelled")
            vendor.go_on()
            server.requests.post(f"{path}/resume")
            wait_until(lambda: server.find_run(path)["state"] == "complete")

        ids = [row["id"] for row in server.requests.get(f"{path}/rows").json()["items"]]
        assert len(set(ids)) == 9
        assert store.read(server.find_run(path)["progress"]["location"]) == (ids, True)
        assert [each for each in finished if vendor.answered.count(each) > 1] == []
