from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from budwood_generation import JournalError, OutputError, generate, resume
from budwood_generation.journal import read_counts
from tests.datasets import conversation_spec, write_spec

PROGRAM = Path(__file__).parent / "programs" / "limited_run.py"
KIB = 1024
ROWS = 150

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither tmpfs nor such limits"),
]


class Disk:
    """A small filesystem of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, size: int) -> None:
        """Fill it, but for so many bytes."""
        with (self.folder / "ballast").open("wb") as file:
            while (left := shutil.disk_usage(self.folder).free - size) > 0:
                file.write(bytes(min(left, 64 * KIB)))
                file.flush()

    def make_room(self) -> None:
        """Empty it of what filled it."""
        (self.folder / "ballast").unlink()


@pytest.fixture
def disk(tmp_path):
    """
    A tmpfs of 16 MiB. Where nobody may mount one, the test skips: the limits of a process stand in for it below.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root may mount a small filesystem")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """
    The dataset as it is where nothing goes wrong.
    """
    return generate(conversation_spec(tmp_path_factory.mktemp("whole"), rows=ROWS)).output.read_bytes()


def test_a_journal_that_finds_no_room_says_so(tmp_path, disk, whole):
    """
    On a disk that is full from the beginning nothing is asked; with room the same command does it all.
    """
    spec = conversation_spec(tmp_path, rows=ROWS, output="disk/data.jsonl")
    disk.leave(0)

    with pytest.raises(JournalError, match=r"data\.jsonl\.run: the journal cannot be used.*Make room on the disk"):
        generate(spec)

    disk.make_room()
    assert generate(spec).output.read_bytes() == whole


def test_a_disk_that_runs_full_stops_the_run(tmp_path, disk, whole):
    """
    What was committed before counts; once there is room, the run goes on from there to the whole dataset.
    """
    spec = conversation_spec(tmp_path, rows=ROWS, output="disk/data.jsonl")
    disk.leave(300 * KIB)

    with pytest.raises(JournalError, match="Make room on the disk") as raised:
        generate(spec)
    assert "budwood runs resume" in raised.value.__notes__[0]

    disk.make_room()
    kept = read_counts(spec.run_folder / "journal.sqlite").calls
    report = resume(spec.run_folder)
    assert kept > 0
    assert report.calls + kept == whole.count(b'"role"')
    assert report.output.read_bytes() == whole


def test_an_output_that_finds_no_room_leaves_the_old_one(tmp_path, disk, whole):
    """
    The old file stays to the byte, no part of the new one lies about, and no call is made again.
    """
    spec = conversation_spec(tmp_path, rows=ROWS, output="disk/data.jsonl")
    generate(spec)
    disk.leave(80 * KIB)  # enough for SQLite to open the journal

    with pytest.raises(OutputError, match=r"data\.jsonl cannot be written: No space left.*no call is made again"):
        resume(spec.run_folder)
    assert spec.output_path.read_bytes() == whole
    assert not list(disk.folder.glob(".*.part"))

    disk.make_room()
    assert resume(spec.run_folder).calls == 0
    assert spec.output_path.read_bytes() == whole


def limited(act, path, size) -> str:
    """Make or resume a run with limited files; return what went wrong."""
    command = [sys.executable, PROGRAM, act, path, str(size)]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    return ended.stderr


@pytest.mark.parametrize("size", [0, 5 * KIB, 100 * KIB])
def test_a_journal_that_may_not_grow_stops_the_run(tmp_path, whole, size):
    """
    Where a quota is used up, from the beginning or on the way, the same holds.
    """
    spec = conversation_spec(tmp_path, rows=ROWS)

    said = limited("generate", write_spec(spec), size)

    assert said.startswith("JournalError: data.jsonl.run: the journal cannot be used")
    assert "Make room on the disk" in said
    assert f"budwood runs resume {spec.run_folder}" in said
    assert generate(spec).output.read_bytes() == whole


def test_an_output_that_may_not_grow_is_an_error(tmp_path, whole):
    """
    The rows are kept: without the limit they are written, and no call is made again.
    """
    spec = conversation_spec(tmp_path, rows=ROWS)
    generate(spec)
    spec.output_path.unlink()

    said = limited("resume", spec.run_folder, 64 * KIB)

    assert said.startswith("OutputError: The output data.jsonl cannot be written: File too large.")
    assert not spec.output_path.exists()
    assert (resume(spec.run_folder).calls, spec.output_path.read_bytes()) == (0, whole)
