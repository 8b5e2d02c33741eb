"""Datasets in SQLite and PostgreSQL, from the command to the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from budwood_generation import generate, resume
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows, row_spec, write_documents
from tests.postgresql_server import PASSWORD, PostgreSQLServer
from tests.sql_datasets import DatabaseLock, query

MAKE = Path(__file__).parents[1] / "plugins" / "generation" / "programs" / "make.py"
JOB = {"asker": "local/asker", "answerer": "local/tiny", "turns": (1, 3)}


@pytest.fixture(scope="module")
def server():
    """
    A PostgreSQL server.
    """
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def output(request, tmp_path):
    """
    An empty database of each kind.
    """
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rows.sqlite'}#rows"
    return f"{request.getfixturevalue('server').new_database()}#rows"


def write_spec(folder, output, *, rows, **job):
    """
    Write documents and a specification of conversations about them, as `conversation_spec` returns.
    """
    write_documents(folder)
    path = folder / "spec.toml"
    names = "".join(f"{name} = {json.dumps(value)}\n" for name, value in (JOB | job).items())
    head = f"rows = {rows}\nseed = 7\noutput = {json.dumps(output)}\n"
    path.write_text(f"{head}[documents]\npaths = ['docs/*']\npassage_chars = 300\n[conversation]\n{names}", "utf-8")
    return path


def read_table(output):
    """
    Return the data of all rows, and whether the dataset is finished.
    """
    address = output.removesuffix("#rows")
    names = json.loads(query(address, "SELECT layout FROM budwood_datasets")[0][0])["columns"]
    columns = ", ".join(f'"{name}"' for name, *_ in names)
    rows = []
    for identifier, *values in query(address, f"SELECT id, {columns} FROM rows ORDER BY row_index"):
        row = {"id": identifier}
        for (_, path, kind, _), value in zip(names, values, strict=True):
            target = row if len(path) == 1 else row.setdefault(path[0], {})
            if value is not None:
                target[path[-1]] = json.loads(value) if kind == "json" and isinstance(value, str) else value
        rows.append(row)
    ((is_finished, count),) = query(address, "SELECT is_finished, rows FROM budwood_datasets")
    assert count in (None, len(rows))
    return rows, bool(is_finished)


@pytest.mark.parametrize("make_spec", [conversation_spec, row_spec])
def test_a_table_has_the_rows_of_the_file(make_spec, output, tmp_path):
    """
    Conversations and structured rows are the same in a table as in JSON lines.
    """
    report = generate(make_spec(tmp_path, rows=20, output=output))
    expected = read_rows(generate(make_spec(tmp_path, rows=20, output="rows.jsonl")).output)

    assert (report.rows, report.complete) == (20, True)
    assert read_table(output) == (expected, True)


def test_the_command_stores_a_dataset(output, tmp_path):
    """
    `budwood generate` takes a URL; neither its output nor the folder of the run contains the password.
    """
    spec = write_spec(tmp_path, output, rows=5, asker="offline/extractive", answerer="offline/extractive")
    command = [sys.executable, "-m", "budwood_cli", "generate", spec.name]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (folder,) = tmp_path.glob("*.run")
    saved = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    assert run.returncode == 0, run.stderr
    assert len(read_table(output)[0]) == 5
    for secret in (PASSWORD, output.rpartition("@")[0].rpartition(":")[2] or PASSWORD):
        assert secret not in run.stdout + run.stderr
        assert secret.encode() not in saved


@pytest.mark.parametrize("calls", [5, 40])
def test_a_killed_run_completes_its_table(output, tmp_path, calls):
    """
    After SIGKILL, `resume` stores each row once, the same as in an undisturbed run.
    """
    with ChatServer() as chat:
        expected = read_rows(generate(conversation_spec(tmp_path, job=JOB, rows=40), settings=chat.settings).output)
        spec = write_spec(tmp_path, output, rows=40)
        command = [sys.executable, MAKE, "generate", spec, json.dumps(chat.settings)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert any(int(line) >= calls for line in process.stdout)
            process.kill()
        report = generate(spec, settings=chat.settings)

    assert report.complete
    assert read_table(output) == (expected, True)


@pytest.mark.real_server
def test_a_run_survives_a_crash_of_its_database(tmp_path):
    """
    The database crashes while the run calls models, and is back before its end: the table is complete.
    """
    with PostgreSQLServer() as database:
        address = database.new_database()

        def disturb(number, _body):
            {10: database.crash, 30: database.start}.get(number, lambda: None)()

        with ChatServer(fault=disturb) as chat:
            spec = conversation_spec(tmp_path, job=JOB, rows=40, output=f"{address}#rows", concurrency=1)
            report = generate(spec, settings=chat.settings)

        assert report.complete
        assert len(read_table(f"{address}#rows")[0]) == 40


@pytest.mark.deep
def test_a_database_that_stalls_for_half_a_minute_stops_no_call(output, tmp_path, record_property):
    """
    Its table is locked meanwhile: all calls are made, and then the table has every row once.
    """
    made = []
    with ChatServer() as chat, DatabaseLock(output) as lock:

        def stall(number, _body):
            if number == 20:
                lock.hold(30.0, then=lambda: made.append(len(chat.requests)))

        chat.fault = stall
        spec = conversation_spec(tmp_path, job=JOB, rows=300, output=output)
        report = generate(spec, settings=chat.settings)
        expected = read_rows(generate(conversation_spec(tmp_path, job=JOB, rows=300), settings=chat.settings).output)

    assert report.complete
    assert made == [report.calls]
    assert read_table(output) == (expected, True)
    record_property(
        f"A table of {'SQLite' if output.startswith('sqlite') else 'PostgreSQL'} is locked for 30 s",
        f"all {report.calls:,} calls made meanwhile; then {report.rows} rows stored",
    )


@pytest.mark.real_server
def test_a_run_is_resumed_with_a_password_from_the_environment(server, tmp_path, monkeypatch):
    """
    The URL in the run has no password: it comes from libpq's variable, or resuming says so.
    """
    output = f"{server.new_database()}#rows"
    generate(conversation_spec(tmp_path, rows=5, output=output))
    (folder,) = tmp_path.glob("*.run")
    query(output.removesuffix("#rows"), "DELETE FROM rows")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)

    assert resume(folder).rows == 5
    assert len(read_table(output)[0]) == 5


def test_rows_are_added_to_a_table(output, tmp_path):
    """
    A run with more rows than before adds them; the earlier ones stay.
    """
    generate(conversation_spec(tmp_path, rows=10, output=output))
    before, _ = read_table(output)
    report = generate(conversation_spec(tmp_path, rows=25, output=output))
    after, is_finished = read_table(output)

    assert (report.rows, len(after), is_finished) == (25, 25, True)
    assert after[:10] == before


def test_a_table_of_another_run_stops_the_run_before_the_first_call(output, tmp_path):
    """
    The error names the table, and nothing is sent.
    """
    generate(conversation_spec(tmp_path, rows=2, output=output))
    with ChatServer() as chat, pytest.raises(Exception, match="contains the rows of another run"):
        generate(conversation_spec(tmp_path / "other", job=JOB, rows=2, output=output), settings=chat.settings)

    assert chat.requests == []
    assert len(read_table(output)[0]) == 2


def test_a_run_can_be_resumed_in_another_folder(tmp_path, monkeypatch):
    """
    A relative path of SQLite is that of the specification, wherever the run is resumed.
    """
    generate(conversation_spec(tmp_path, rows=3, output="sqlite:///rows.sqlite#rows"))
    (folder,) = tmp_path.glob("*.run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert resume(folder).rows == 3
    assert list(elsewhere.iterdir()) == []
    assert len(read_table(f"sqlite:///{tmp_path / 'rows.sqlite'}#rows")[0]) == 3
