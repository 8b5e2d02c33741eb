"""What is forbidden while a translation is watched."""

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
    The act itself fails, and so does the block around it.
    """
    with pytest.raises(AssertionError, match="open '/nothing'"), no_io(), pytest.raises(PermissionError):
        open("/nothing")  # noqa: PTH123, SIM115 - the plainest way to read a file
    with pytest.raises(AssertionError, match=r"socket\.getaddrinfo"), no_io(), pytest.raises(PermissionError):
        socket.getaddrinfo("127.0.0.1", 80)
    with pytest.raises(AssertionError, match=r"subprocess\.Popen"), no_io(), pytest.raises(PermissionError):
        subprocess.run([sys.executable, "-V"], check=True)


def test_swallowed_error_is_found():
    """
    Who hides what it did is found all the same.
    """
    with pytest.raises(AssertionError, match="open"), no_io(), contextlib.suppress(OSError):
        open("/nothing")  # noqa: PTH123, SIM115 - the plainest way to read a file


def test_imports_are_allowed():
    """
    A plugin imports what it needs when it needs it.
    """
    sys.modules.pop("this_is_nothing", None)
    sys.modules.pop("colorsys", None)
    with no_io():
        import colorsys

        assert colorsys.rgb_to_hsv(0, 0, 0)
        assert json.loads("[]") == []


def test_files_can_be_left_out(tmp_path):
    """
    What is built may open its own files.
    """
    with no_io(files=False):
        (tmp_path / "file").write_text("mine")


def test_other_threads_and_later_times_are_free(tmp_path):
    """
    Only what stands in the block is watched.
    """
    done = []
    with no_io():
        thread = threading.Thread(target=lambda: done.append((tmp_path / "file").write_text("mine")))
        thread.start()
        thread.join()
    (tmp_path / "another").write_text("mine")

    assert done == [4]


def test_waiting_can_be_forbidden():
    """
    What runs on an event loop must not sleep; other threads, and later times, may.
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
