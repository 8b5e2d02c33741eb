from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from budwood_generation import JournalError, OutputError, generate, resume
from budwood_generation.journal import read_totals
from tests.datasets import conversation_spec, write_spec
from tests.small_disk import KIB, mount_disk

PROGRAM = Path(__file__).parent / "programs" / "limited_run.py"
ROWS = 150

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither tmpfs nor such limits"),
]


@pytest.fixture
def disk(tmp_path):
    """
    A tmpfs of 16 MiB. Without permission to mount one, the test is skipped; tests with process limits replace it.
    """
    with mount_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """
    The complete dataset.
    """
    return generate(conversation_spec(tmp_path_factory.mktemp("complete"), rows=ROWS)).output.read_bytes()


def test_journal_on_a_full_disk(tmp_path, disk, complete):
    """
    On a full disk the run fails before any call; with space the same command generates the dataset.
    """
    spec = conversation_spec(tmp_path, rows=ROWS, output="disk/data.jsonl")
    disk.leave(0)

    with pytest.raises(JournalError, match=r"data\.jsonl\.run: the journal cannot be used.*Free disk space"):
        generate(spec)

    disk.make_room()
    assert generate(spec).output.read_bytes() == complete


def test_disk_that_fills_up_during_a_run(tmp_path, disk, complete, record_property):
    """
    If the disk fills up, the run stops; with space it resumes from the last commit.
    """
    spec = conversation_spec(tmp_path, rows=ROWS, output="disk/data.jsonl")
    disk.leave(300 * KIB)

    with pytest.raises(JournalError, match="Free disk space") as raised:
        generate(spec)
    assert "budwood runs resume" in raised.value.__notes__[0]

    disk.make_room()
    earlier = read_totals(spec.run_folder / "journal.sqlite").calls
    report = resume(spec.run_folder)
    assert earlier > 0
    assert report.calls + earlier == complete.count(b'"role"')
    assert report.output.read_bytes() == complete
    record_property("The disk fills up", f"{earlier} calls kept, {report.calls} sent after the resume, none twice")


def test_output_on_a_full_disk(tmp_path, disk, complete, record_property):
    """
    If there is no space for the output, the old file stays unchanged, and no call is repeated.
    """
    spec = conversation_spec(tmp_path, rows=ROWS, output="disk/data.jsonl")
    output = generate(spec).output
    os.utime(output, (0, 0))  # so that it is written again
    disk.leave(80 * KIB)  # enough for SQLite to open the journal

    with pytest.raises(OutputError, match=r"Cannot write the output data\.jsonl: No space left.*no call is repeated"):
        resume(spec.run_folder)
    assert spec.shown_output.read_bytes() == complete
    assert not list(disk.folder.glob(".*.part"))

    disk.make_room()
    assert resume(spec.run_folder).calls == 0
    assert spec.shown_output.read_bytes() == complete
    record_property("The disk is full when the output is written", "the old output stays; no call is repeated")


def test_repair_on_a_full_disk(tmp_path, disk, complete):
    """
    If there is no space to repair a damaged journal, it stays as it is; with space it is repaired.
    """
    spec = conversation_spec(tmp_path, rows=ROWS, output="disk/data.jsonl")
    output = generate(spec).output
    journal = spec.run_folder / "journal.sqlite"
    with journal.open("rb+") as file:
        file.write(bytes(4 * KIB))
    damaged = journal.read_bytes()
    disk.leave(100 * KIB)

    with pytest.raises(JournalError, match="Free disk space"):
        resume(spec.run_folder)
    assert journal.read_bytes() == damaged
    assert not list(spec.run_folder.glob("*damaged*"))

    disk.make_room()
    os.utime(output, (0, 0))  # so that it is written again
    assert resume(spec.run_folder).output.read_bytes() == complete


def run_limited(act, path, size) -> str:
    """Generate or resume a run with a limit for file sizes; return the error output."""
    command = [sys.executable, PROGRAM, act, path, str(size)]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    return result.stderr


@pytest.mark.parametrize("size", [0, 5 * KIB, 100 * KIB])
def test_journal_with_a_size_limit(tmp_path, complete, size):
    """
    If the journal reaches a size limit, the run stops and can be resumed.
    """
    spec = conversation_spec(tmp_path, rows=ROWS)

    output = run_limited("generate", write_spec(spec), size)

    assert output.startswith("JournalError: data.jsonl.run: the journal cannot be used")
    assert "Free disk space" in output
    assert f"budwood runs resume {spec.run_folder.name}" in output
    assert generate(spec).output.read_bytes() == complete


def test_output_with_a_size_limit(tmp_path, complete):
    """
    If the output reaches a size limit, the run fails; without the limit it is written, and no call is repeated.
    """
    spec = conversation_spec(tmp_path, rows=ROWS)
    generate(spec)
    spec.shown_output.unlink()

    output = run_limited("resume", spec.run_folder, 64 * KIB)

    assert output.startswith("OutputError: Cannot write the output data.jsonl: File too large.")
    assert not spec.shown_output.exists()
    assert (resume(spec.run_folder).calls, spec.shown_output.read_bytes()) == (0, complete)
