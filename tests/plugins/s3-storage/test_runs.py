"""Runs whose output is in S3."""

from __future__ import annotations

import json

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import generate, resume
from tests.datasets import conversation_spec, read_rows
from tests.fault_proxy import error_reply
from tests.s3 import BUCKET, settings_for

pytestmark = pytest.mark.real_server


@pytest.fixture
def settings(moto, proxy, prefix):
    """
    The settings of a program that writes through the proxy.
    """
    options = settings_for(moto, prefix, endpoint=proxy.endpoint, secret_access_key="hidden-secret")
    return {"storages": {"s3": {name: value for name, value in options.items() if name != "output"}}}


def test_rows_are_those_of_a_local_run(make_storage, objects, prefix, settings, tmp_path):
    """
    A run with an S3 output gives the same rows as one with a file, and its folder contains no credentials.
    """
    spec = conversation_spec(tmp_path, rows=30)
    local = read_rows(generate(spec).output)
    report = generate(spec.model_copy(update={"output": f"s3://{BUCKET}/{prefix}"}), settings=settings)

    assert (report.rows, report.output) == (30, f"s3://{BUCKET}/{prefix}")
    assert [row.data for row in make_storage().load(-1, 100)] == local
    manifest = json.loads(objects.get("manifest.json"))
    assert (manifest["rows"], manifest["name"], manifest["content"]) == (30, prefix, "messages")
    files = [path.read_bytes() for path in report.run_folder.rglob("*") if path.is_file()]
    assert not any(b"hidden-secret" in content for content in files)


def test_rows_are_uploaded_while_the_run_continues(prefix, settings, tmp_path, proxy, make_storage):
    """
    A server that does not answer for a while stops no call; a run that is resumed uploads only what is missing.
    """
    spec = conversation_spec(tmp_path, rows=700, output=f"s3://{BUCKET}/{prefix}", concurrency=64)
    proxy.fail("/parts/", error_reply(503, "SlowDown"), times=3, skip=1)
    report = generate(spec, settings=settings)
    assert (report.rows, report.failures) == (700, ())
    puts = proxy.count("/parts/")
    report = resume(spec.output, settings=settings)

    assert (report.rows, report.calls, proxy.count("/parts/")) == (700, 0, puts)
    assert [row.index for row in make_storage().load(-1, 1000)] == list(range(700))


def test_a_repaired_journal_gives_the_complete_dataset(prefix, settings, tmp_path, make_storage, objects):
    """
    Rows that were lost with a page of the journal are created again. Parts with other rows than before are not listed.
    """
    spec = conversation_spec(tmp_path, rows=600, output=f"s3://{BUCKET}/{prefix}", concurrency=64)
    report = generate(spec, settings=settings)
    before = make_storage().load(-1, 1000)
    with (report.run_folder / "journal.sqlite").open("r+b") as journal:
        size = journal.seek(0, 2)
        for part in (3, 4, 5):
            journal.seek(size // part // 4096 * 4096)
            journal.write(bytes(4096))
    repaired = resume(spec.output, settings=settings)
    manifest = json.loads(objects.get("manifest.json"))

    assert (repaired.rows, "was damaged" in repaired.notes[0]) == (600, True)
    assert sum(part["rows"] for part in manifest["parts"]) == 600
    assert [row.id for row in make_storage().load(-1, 1000)] == [row.id for row in before]


def test_another_run_does_not_change_the_dataset(prefix, settings, tmp_path, make_storage):
    """
    A run with other rows and the same output in another folder is refused before anything is asked.
    """
    output = f"s3://{BUCKET}/{prefix}"
    generate(conversation_spec(tmp_path / "one", rows=3, output=output), settings=settings)
    before = make_storage().load(-1, 10)
    with pytest.raises(ConfigurationError, match="another run"):
        generate(conversation_spec(tmp_path / "two", rows=3, seed=7, output=output), settings=settings)

    assert make_storage().load(-1, 10) == before


def test_a_server_that_fails_costs_no_calls(prefix, settings, tmp_path, proxy, make_storage):
    """
    If the server rejects the rows, the run ends with an error; resuming it uploads them without a call.
    """
    spec = conversation_spec(tmp_path, rows=5, output=f"s3://{BUCKET}/{prefix}")
    proxy.fail("/parts/", error_reply(403, "AccessDenied", "denied"), times=9)
    with pytest.raises(ConfigurationError, match="s3:PutObject"):
        generate(spec, settings=settings)
    proxy.faults.clear()
    report = resume(spec.output, settings=settings)

    assert (report.rows, report.calls) == (5, 0)
    assert len(make_storage().load(-1, 10)) == 5
