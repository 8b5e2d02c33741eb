from __future__ import annotations

import csv
import gc
import io
import json
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import OutputError, export_run, generate
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, row_spec

LINES = ("openai", "messages", "sharegpt", "alpaca", "chatml", "jsonl", "csv")


@pytest.fixture
def run(tmp_path):
    """
    A run with six conversations.
    """
    return generate(conversation_spec(tmp_path)).output


@pytest.mark.parametrize("name", [*LINES, "parquet"])
def test_a_stream_receives_what_a_file_would(run, tmp_path, name):
    """
    It stays open, and the report names no file.
    """
    if name == "parquet":
        pytest.importorskip("pyarrow")
    stream = io.BytesIO()

    report = export_run(run, name, stream)

    export_run(run, name, tmp_path / "x")
    assert stream.getvalue() == (tmp_path / "x").read_bytes()
    assert (report.files, report.rows) == ((), {"train": 6})


@pytest.mark.parametrize(("name", "split"), [("openai", 0.5), ("llama-factory", None), ("huggingface", None)])
def test_a_stream_holds_one_file(run, name, split):
    """
    Folders and splits need a path.
    """
    with pytest.raises(ConfigurationError, match="A stream can contain only one file"):
        export_run(run, name, io.BytesIO(), split=split)


def test_a_closed_pipe_is_not_an_error_of_the_output(run):
    """
    The caller decides what it means.
    """

    class ClosedPipe(io.BytesIO):
        def write(self, _data):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        export_run(run, "openai", ClosedPipe())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_is_written_to(run, tmp_path):
    """
    It is not replaced by a file, and needs no force.
    """
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()

    export_run(run, "openai", pipe)

    reader.join()
    assert len(received[0].splitlines()) == 6
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_symbolic_link_stays(run, tmp_path):
    """
    The file that it leads to is replaced. As root, the link could be /dev/stdout.
    """
    (tmp_path / "file.jsonl").touch()
    link = tmp_path / "link.jsonl"
    link.symlink_to(tmp_path / "file.jsonl")

    export_run(run, "openai", link, force=True)

    assert link.is_symlink()
    assert len((tmp_path / "file.jsonl").read_text("utf-8").splitlines()) == 6


@pytest.mark.parametrize("name", ["openai", "csv", "parquet"])
def test_a_full_disk_is_an_error_of_the_output(run, name):
    """
    In every format, also if its library has a buffer.
    """
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    if name == "parquet":
        pytest.importorskip("pyarrow")

    with pytest.raises(OutputError, match="No space left on device"):
        export_run(run, name, "/dev/full")


def test_a_url_is_not_a_path(run, tmp_path, monkeypatch):
    """
    No folder with the name of its scheme is created, and the error has no password.
    """
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match="is a URL") as caught:
        export_run(run, "openai", "s3://user:secret@bucket/x")

    assert "secret" not in str(caught.value)
    assert not list(tmp_path.glob("s3*"))


def test_a_folder_has_no_split_of_an_earlier_export(run, tmp_path):
    """
    The rows of its validation are in the training file now, and must not be evaluated too.
    """
    pytest.importorskip("pyarrow")
    folder, other = tmp_path / "hub", tmp_path / "llama"
    export_run(run, "huggingface", folder, split=0.5)
    export_run(run, "llama-factory", other, split=0.5)

    export_run(run, "huggingface", folder, force=True)
    export_run(run, "llama-factory", other, force=True)

    assert [path.name for path in (folder / "data").iterdir()] == ["train.parquet"]
    assert sorted(path.name for path in other.iterdir()) == ["data.jsonl", "dataset_info.json"]
    assert list(json.loads((other / "dataset_info.json").read_text("utf-8"))) == ["data"]


def test_the_progress_counts_rows(run, tmp_path):
    """
    All that were read, also if a format skips some.
    """
    seen = []

    export_run(run, "csv", tmp_path / "x.csv", on_progress=lambda *numbers: seen.append(numbers))

    assert seen == [(number, 6) for number in range(1, 7)]


def test_a_folder_that_cannot_be_created_is_named(run, tmp_path):
    """
    As for the output of a run.
    """
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"Cannot create the folder '.*file'"):
        export_run(run, "csv", tmp_path / "file" / "x.csv")
    with pytest.raises(ConfigurationError, match=r"Cannot create the folder '.*x\.jsonl\.run'"):
        generate(conversation_spec(tmp_path, output="file/x.jsonl"))


def test_an_empty_split_is_not_registered(run, tmp_path):
    """
    LLaMA-Factory cannot load it.
    """
    report = export_run(run, "llama-factory", tmp_path / "x", split=1e-9)

    assert [path.name for path in report.files] == ["data.jsonl", "dataset_info.json"]
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["data.jsonl", "dataset_info.json"]
    assert list(json.loads((tmp_path / "x" / "dataset_info.json").read_text("utf-8"))) == ["data"]


def test_no_property_takes_the_column_of_another(tmp_path):
    """
    A prefix distinguishes properties from other columns, also if a property has such a name itself.
    """
    names = ["id", "value_id", "value_value_id", "value_x", "x"]
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": names}
    with ChatServer(lambda _body: json.dumps({name: f"the {name}" for name in names})) as server:
        job = {"schema": schema, "model": "local/tiny"}
        run = generate(row_spec(tmp_path, job=job, rows=1), settings=server.settings).output

    export_run(run, "csv", tmp_path / "x.csv")

    (row,) = csv.DictReader((tmp_path / "x.csv").read_text("utf-8").splitlines())
    columns = ["value_id", "value_value_id", "value_value_value_id", "value_x", "x"]
    assert [row[column] for column in columns] == [f"the {name}" for name in names]


def test_a_value_that_does_not_fit_leaves_nothing(tmp_path):
    """
    Neither a file nor an error when the writer is collected.
    """
    pytest.importorskip("pyarrow")
    schema = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
    with ChatServer(lambda _body: json.dumps({"number": 2**70})) as server:
        job = {"schema": schema, "model": "local/tiny"}
        run = generate(row_spec(tmp_path, job=job, rows=1), settings=server.settings).output

    with pytest.raises(OutputError, match="column 'number' does not fit the type int64"):
        export_run(run, "parquet", tmp_path / "x.parquet")

    gc.collect()  # pytest reports errors of finalizers
    assert not list(tmp_path.glob("*x.parquet*"))


def test_an_old_split_is_removed_only_with_force(run, tmp_path):
    """
    Even if the other files of the folder are gone.
    """
    export_run(run, "llama-factory", tmp_path / "x", split=0.5)
    (tmp_path / "x" / "data.jsonl").unlink()

    with pytest.raises(ConfigurationError, match=r"data_validation\.jsonl' exists"):
        export_run(run, "llama-factory", tmp_path / "x")
