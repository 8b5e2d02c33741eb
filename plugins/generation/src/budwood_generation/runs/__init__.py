"""Runs: start, resume, list and show them."""

from budwood_generation.runs.info import RunInfo, list_runs, show_run
from budwood_generation.runs.progress import Progress
from budwood_generation.runs.removal import remove_run
from budwood_generation.runs.report import Failure, RunReport
from budwood_generation.runs.run import count_finished_rows, generate, generate_async, resume, resume_async

__all__ = [
    "Failure",
    "Progress",
    "RunInfo",
    "RunReport",
    "count_finished_rows",
    "generate",
    "generate_async",
    "list_runs",
    "remove_run",
    "resume",
    "resume_async",
    "show_run",
]
