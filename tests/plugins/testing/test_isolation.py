"""Blocks in which I/O fails."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

import pytest

from budwood_testing.suites.isolation import no_io


def test_files_and_network_fail():
    """
    The operation raises an error, and so does the block.
    """
    with pytest.raises(AssertionError, match="open '/nothing'"), no_io(), pytest.raises(PermissionError):
        open("/nothing")  # noqa: PTH123, SIM115 - the simplest way to read a file
    with pytest.raises(AssertionError, match=r"socket\.getaddrinfo"), no_io(), pytest.raises(PermissionError):
        socket.getaddrinfo("127.0.0.1", 80)
    with pytest.raises(AssertionError, match=r"subprocess\.Popen"), no_io(), pytest.raises(PermissionError):
        subprocess.run([sys.executable, "-V"], check=True)


def test_caught_errors_are_reported():
    """
    The block fails even if the code caught the error.
    """
    with pytest.raises(AssertionError, match="open"), no_io(), contextlib.suppress(OSError):
        open("/nothing")  # noqa: PTH123, SIM115 - the simplest way to read a file


def test_imports_are_allowed():
    """
    Imports do not count as I/O.
    """
    sys.modules.pop("missing_module", None)
    sys.modules.pop("colorsys", None)
    with no_io():
        import colorsys

        assert colorsys.rgb_to_hsv(0, 0, 0)
        assert json.loads("[]") == []


def test_files_can_be_allowed(tmp_path):
    """
    With `files=False` opening files is allowed.
    """
    with no_io(files=False):
        (tmp_path / "file").write_text("mine")


def test_other_threads_and_later_code_are_not_affected(tmp_path):
    """
    Only code of the same thread inside the block fails.
    """
    done = []
    with no_io():
        thread = threading.Thread(target=lambda: done.append((tmp_path / "file").write_text("mine")))
        thread.start()
        thread.join()
    (tmp_path / "another").write_text("mine")

    assert done == [4]


def test_sleep_can_be_forbidden():
    """
    With `waiting=True` `time.sleep` fails, except in other threads and after the block.
    """
    with (
        pytest.raises(AssertionError, match=r"time\.sleep"),
        no_io(waiting=True),
        contextlib.suppress(PermissionError),
    ):
        time.sleep(0.0)
    with no_io(waiting=True):
        thread = threading.Thread(target=lambda: time.sleep(0.0))
        thread.start()
        thread.join()
    with no_io():
        time.sleep(0.0)
