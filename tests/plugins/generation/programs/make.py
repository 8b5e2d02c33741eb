"""
Create the dataset of a specification, or resume a run: ACT PATH SETTINGS.

ACT is "generate" or "resume", SETTINGS are JSON. After each commit it prints the number of finished calls, and when a
signal has arrived "stopping".
"""

from __future__ import annotations

import json
import sys

from budwood_generation import Progress, generate, resume


def print_progress(progress: Progress) -> None:
    """Print the number of finished calls, or that the run stops."""
    sys.stdout.write("stopping\n" if progress.is_stopping else f"{progress.calls}\n")
    sys.stdout.flush()


act, path, settings = sys.argv[1:]
try:
    {"generate": generate, "resume": resume}[act](path, settings=json.loads(settings), on_progress=print_progress)
except KeyboardInterrupt:
    sys.exit(130)
