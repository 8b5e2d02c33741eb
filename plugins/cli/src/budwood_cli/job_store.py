"""Jobs that commands have submitted, in the user's data folder: a file for each."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood import BudwoodError
from budwood.providing import write_file_atomically
from budwood.settings import user_folder
from budwood.types import JobRef
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood.types import JobState

KEPT_SECONDS: Final = 90 * 86_400.0
"""How long a job is kept that has ended, after it was last seen: 90 days. No vendor keeps results for longer."""

_PROMPT_LENGTH: Final = 200


class SavedJob(NamedTuple):
    """
    A job in the store.

    Attributes:
        ref: What identifies it.
        status: Its last known status; None if the vendor was not asked yet.
        prompt: The beginning of the prompt.
        seen: When the status was known, in seconds since 1970.
        is_ended: Whether the status does not change any more.
    """

    ref: JobRef
    status: str | None
    prompt: str
    seen: float
    is_ended: bool


class JobStoreError(BudwoodError):
    """A job cannot be stored."""


def save_job(ref: JobRef, state: JobState | None, prompt: str = "") -> None:
    """
    Store a job, or its new state. If another process has stored that it has ended, nothing changes.

    Args:
        ref: What identifies it.
        state: Its last known state. Without one, a job that is stored does not change.
        prompt: Its prompt; by default the one that is stored.

    Raises:
        JobStoreError: The file cannot be written. What was stored before is unchanged.
    """
    path = _path(ref)
    known = _read(path)
    is_ended = state is not None and state.is_ended
    if known is not None and (state is None or (known.is_ended and not is_ended)):
        return
    content = {
        "job": ref.model_dump(mode="json"),
        "status": None if state is None else state.status,
        "prompt": _shorten(prompt) or (known.prompt if known is not None else ""),
        "seen": time.time(),
        "is_ended": is_ended,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file_atomically(path, json.dumps(content, ensure_ascii=False).encode())
    except OSError as error:
        raise _make_error(ref, path, error) from error


def _make_error(ref: JobRef, path: Path, error: OSError) -> JobStoreError:
    return JobStoreError(
        f"The job {ref.id} cannot be stored in {path.parent}: {error.strerror}.",
        hint=f"Keep this command, which continues it: budwood jobs result {shlex.quote(ref.model_dump_json())}",
    )


def list_jobs() -> list[SavedJob]:
    """List the jobs, the newest first. Those that ended long ago are deleted; files that cannot be read are skipped."""
    jobs = []
    for path in sorted(_folder().glob("*.json")):
        job = _read(path)
        if job is None:
            if path.exists():  # another process may have deleted it
                terminal.note(f"note: {path} cannot be read")
        elif job.is_ended and time.time() - job.seen > KEPT_SECONDS:
            path.unlink(missing_ok=True)
        else:
            jobs.append(job)
    return sorted(jobs, key=lambda job: -job.ref.created)


def find_job(name: str) -> SavedJob:
    """
    Return the job whose id begins with a text, or whose JSON that is, which need not be stored.

    Raises:
        ArgumentError: There is none, or there are several.
    """
    if name.startswith("{"):
        return _parse(name)
    jobs = list_jobs()
    exact = [job for job in jobs if job.ref.id == name]
    found = exact or [job for job in jobs if name and job.ref.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    problem = "No job has" if not found else "More than one job has"
    raise ArgumentError(f"{problem} an id that begins with {name!r}.", hint="`budwood jobs list` shows the ids.")


def _parse(text: str) -> SavedJob:
    try:
        return SavedJob(JobRef.model_validate_json(text), None, "", 0.0, is_ended=False)
    except ValueError as error:
        raise ArgumentError("The JSON is not that of a job.", hint="`budwood jobs list` shows the ids.") from error


def _folder() -> Path:
    return user_folder("data") / "jobs"


def _path(ref: JobRef) -> Path:
    digest = hashlib.sha256(f"{ref.provider}\n{ref.kind}\n{ref.id}".encode()).hexdigest()  # ids may contain slashes
    return _folder() / f"{digest[:32]}.json"


def _read(path: Path) -> SavedJob | None:
    try:
        content = json.loads(path.read_bytes())
        ref = JobRef.model_validate(content["job"])
        return SavedJob(ref, content["status"], content["prompt"], float(content["seen"]), bool(content["is_ended"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _shorten(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _PROMPT_LENGTH else f"{line[: _PROMPT_LENGTH - 1]}…"
