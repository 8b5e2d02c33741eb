from __future__ import annotations

import os
import stat
import sys

import pytest

from budwood.providing import replace_file, write_file_atomically


def test_the_new_file_replaces_the_old(tmp_path):
    """
    The old file exists until the block succeeds; afterwards only the new file remains.
    """
    path, part = tmp_path / "rows", tmp_path / ".rows.part"
    path.write_text("old")

    with replace_file(path, part):
        part.write_text("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"
    assert not part.exists()


def write_then_fail(path, part, failure):
    """
    Write a part of a file, then fail.
    """
    with replace_file(path, part):
        part.write_text("new")
        raise failure


@pytest.mark.parametrize("failure", [OSError("No room."), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(tmp_path, failure):
    """
    The temporary file is removed, whatever exception stopped the write.
    """
    path, part = tmp_path / "rows", tmp_path / ".rows.part"
    path.write_text("old")

    with pytest.raises(type(failure)):
        write_then_fail(path, part, failure)

    assert path.read_text() == "old"
    assert not part.exists()


def test_an_error_before_the_first_byte(tmp_path):
    """
    The error of the block is raised, not one about a missing temporary file.
    """
    with pytest.raises(ValueError, match="first"), replace_file(tmp_path / "rows", tmp_path / ".rows.part"):
        raise ValueError("first")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_permissions_are_preserved(tmp_path):
    """
    The new file has the permissions of the old one.
    """
    path, part = tmp_path / "rows", tmp_path / ".rows.part"
    path.write_text("old")
    path.chmod(0o640)

    with replace_file(path, part):
        part.write_text("new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_missing_folder_is_an_error_that_names_the_file(tmp_path):
    """
    The name of the temporary file, which the user did not choose, is not in it.
    """
    path = tmp_path / "missing" / "rows"

    with pytest.raises(FileNotFoundError) as caught:
        write_file_atomically(path, "new")

    assert caught.value.filename == str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_only_a_regular_file_is_replaced(tmp_path, make):
    """
    A device, a pipe or a folder stays as it is, and the block, which may cost time, does not begin.
    """
    path = tmp_path / "out"
    make(path)
    before = path.stat()

    with pytest.raises(OSError, match=r"out"), replace_file(path, tmp_path / ".part"):
        pytest.fail("the block began")
    with pytest.raises(OSError, match=r"out"):
        write_file_atomically(path, "new")

    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)
    assert not list(tmp_path.glob(".*"))


def write_then_make_pipe(path, part):
    """
    Write a file while another program makes a pipe at its path.
    """
    with replace_file(path, part):
        part.write_text("new")
        os.mkfifo(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_path_that_becomes_a_pipe_is_not_replaced(tmp_path):
    """
    The path is checked again before the file is replaced: writing it may take long.
    """
    path, part = tmp_path / "out", tmp_path / ".part"

    with pytest.raises(OSError, match="not a regular file"):
        write_then_make_pipe(path, part)

    assert path.is_fifo()
    assert not part.exists()
