"""Runs: begun, gone on with, looked at."""

from budwood_generation.runs.listing import RunInfo, list_runs, show_run
from budwood_generation.runs.progress import Progress
from budwood_generation.runs.report import Failure, RunReport
from budwood_generation.runs.starting import generate, generate_async, resume, resume_async

__all__ = [
    "Failure",
    "Progress",
    "RunInfo",
    "RunReport",
    "generate",
    "generate_async",
    "list_runs",
    "resume",
    "resume_async",
    "show_run",
]
