"""
Create the dataset of a specification, or resume a run: ACT PATH SETTINGS.

ACT is "generate" or "resume", SETTINGS are JSON. After every commit it writes how many calls are done.
"""

from __future__ import annotations

import json
import sys

from budwood_generation import Progress, generate, resume


def tell(progress: Progress) -> None:
    """Say how many calls are done."""
    sys.stdout.write(f"{progress.calls}\n")
    sys.stdout.flush()


act, path, settings = sys.argv[1:]
try:
    {"generate": generate, "resume": resume}[act](path, settings=json.loads(settings), on_progress=tell)
except KeyboardInterrupt:
    sys.exit(130)
