"""The largest memory that a process has used. Tests that measure it start a process of their own."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
"""`ru_maxrss` does not serve: it includes the memory of the process that started this one."""


def read_peak_memory():
    """
    Return the peak of resident memory since the process started, in bytes.
    """
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024
