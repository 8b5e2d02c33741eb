"""Metrics of several processes in one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "programs" / "count.py"


def start(folder, *arguments):
    """
    Start the program without waiting for it.
    """
    return subprocess.Popen([sys.executable, PROGRAM, folder, *arguments], stdout=subprocess.DEVNULL)


def run(folder, *arguments, **environment):
    """
    Run the program in a process of its own, and return its output.
    """
    return subprocess.run(
        [sys.executable, PROGRAM, folder, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def test_processes_count_together(tmp_path):
    """
    Processes with the same folder count in one place, which each of them can show.
    """
    for _ in range(2):
        assert run(tmp_path / "metrics").returncode == 0
    shown = run(tmp_path / "metrics")

    assert shown.returncode == 0, shown.stderr
    (requests,) = [line for line in shown.stdout.splitlines() if line.startswith("budwood_requests_total")]
    assert 'outcome="success"' in requests
    assert requests.endswith(" 3.0")


def test_killed_process_stays_in_the_counts(tmp_path):
    """
    What a process counted before it was killed remains, also while others count at the same time.
    """
    killed = [start(tmp_path / "metrics", "kill") for _ in range(4)]
    assert [process.wait() for process in killed] == [-signal.SIGKILL] * 4

    shown = run(tmp_path / "metrics")

    (requests,) = [line for line in shown.stdout.splitlines() if line.startswith("budwood_requests_total")]
    assert requests.endswith(" 5.0")


def test_each_instance_has_a_folder(tmp_path):
    """
    The metrics of an instance are in the folder of its name.
    """
    run(tmp_path / "metrics")

    assert [path.name for path in (tmp_path / "metrics").iterdir()] == ["prometheus"]


def test_late_folder_is_an_error_with_its_cure(tmp_path):
    """
    If `prometheus_client` was imported before, the error says which variable must have which value.
    """
    late = run(tmp_path / "metrics", "late")

    assert late.returncode == 1
    folder = tmp_path / "metrics" / "prometheus"
    assert "ConfigurationError" in late.stderr
    assert f"Set PROMETHEUS_MULTIPROC_DIR={folder} before the program starts" in late.stderr


def test_variable_after_the_import_is_an_error(tmp_path):
    """
    Setting the variable after the import has no effect, so that it is the same error.
    """
    late = run(tmp_path / "metrics", "late", "variable")

    assert late.returncode == 1
    assert "before the program starts" in late.stderr


def test_folder_of_the_environment_is_used(tmp_path):
    """
    The cure of the error works: with the variable set, the import may come first.
    """
    folder = tmp_path / "metrics" / "prometheus"
    folder.mkdir(parents=True)

    late = run(tmp_path / "metrics", "late", PROMETHEUS_MULTIPROC_DIR=str(folder))

    assert late.returncode == 0, late.stderr
    assert "budwood_requests_total" in late.stdout
