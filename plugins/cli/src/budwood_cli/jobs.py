"""``budwood jobs``: videos, replies and batches that vendors work on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.groups import new_group
from budwood_cli.job_progress import describe_state, show_download, show_progress
from budwood_cli.moments import format_moment

if TYPE_CHECKING:
    from pathlib import Path

    from budwood import ChatResponse, Job, VideoResponse
    from budwood_cli.media_outputs import MediaOutput

COLUMNS: Final = ("id", "kind", "model", "status", "submitted", "prompt")
_MAX_PROMPT: Final = 40
A_DAY: Final = 86_400.0

Name = Annotated[str, typer.Argument(metavar="ID", help="The id of the job, or its beginning.")]
Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write; - for standard output.")
]

app = new_group("Show, await and cancel the jobs that vendors work on, and fetch their results.")


@app.command("list")
def list_saved(*, layout: options.Format = None, json_output: options.AsJSON = False) -> None:
    """List the jobs of this machine, with their last known status. Nothing is sent."""
    from budwood_cli.job_store import list_jobs

    saved = list_jobs()
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json(
            [job.ref.model_dump(mode="json") | {"status": job.status, "prompt": job.prompt} for job in saved]
        )
    elif saved:
        rows = [
            [
                job.ref.id,
                job.ref.kind,
                f"{job.ref.provider}/{job.ref.model}",
                job.status or "",
                format_moment(job.ref.created),
                job.prompt if len(job.prompt) <= _MAX_PROMPT else f"{job.prompt[: _MAX_PROMPT - 1]}…",
            ]
            for job in saved
        ]
        terminal.write_table(COLUMNS, rows, optional=("prompt", "submitted", "model"), layout=layout)
    else:
        terminal.note("no jobs")


@app.command("show")
def show(name: Name, *, json_output: options.AsJSON = False) -> None:
    """Ask the vendor for the state of a job."""
    with _open_job(name) as job:
        job.poll()
        _write_state(job, json_output=json_output)


@app.command("wait")
def wait(
    name: Name,
    *,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            callback=options.check_not_negative,
            show_default=False,
            help="Seconds to wait. Default: a day.",
        ),
    ] = A_DAY,
    quiet: options.Quiet = False,
    json_output: options.AsJSON = False,
) -> None:
    """Wait until a job has ended, and print its status."""
    with _open_job(name) as job:
        _wait(job, timeout, quiet=quiet or json_output)
        _write_state(job, json_output=json_output)


@app.command("cancel")
def cancel(name: Name, *, json_output: options.AsJSON = False) -> None:
    """Cancel a job."""
    with _open_job(name) as job:
        job.cancel()
        _write_state(job, json_output=json_output)


@app.command("result")
def result(
    name: Name,
    *,
    output: Output = None,
    force: options.Force = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Fail if the job has not ended.")] = False,
    quiet: options.Quiet = False,
    json_output: options.AsJSON = False,
) -> None:
    """Fetch the result of a job. Waits for it; a video goes to a file, other results to standard output."""
    from budwood_cli.media_outputs import MediaOutput, find_text_output

    with _open_job(name) as job:
        write: Callable[[], None]
        if job.kind == "video":
            target = MediaOutput(output or f"{_file_name(job.id)}.mp4", json_output=json_output, force=force)
            write = partial(write_video, job, target, quiet=quiet, json_output=json_output)
        else:
            path = find_text_output(output, force=force)
            write = partial(_write_texts, job, path, json_output=json_output)
        if no_wait and not job.poll().is_ended:
            raise ArgumentError(f"The job {job.id} has not ended.", hint="Leave out --no-wait to wait for it.")
        _wait(job, A_DAY, quiet=quiet or json_output)
        write()


@contextmanager
def _open_job(name: str) -> Iterator[Job[Any]]:
    """Yield a job of the store, or the one whose JSON is given."""
    from budwood import Settings
    from budwood_cli.clients import open_client
    from budwood_cli.job_store import find_job

    saved = find_job(name)
    with open_client(None, Settings.load()) as client, continuing(client.job(saved.ref), saved.prompt) as job:
        yield job


@contextmanager
def continuing(job: Job[Any], prompt: str) -> Iterator[Job[Any]]:
    """Store a job, yield it, and store its state. If the command ends early, note how to continue with the job."""
    from budwood.errors import JobFailedError, NotFoundError

    is_stored = store_job(job, prompt)
    try:
        yield job
    except (ArgumentError, JobFailedError, NotFoundError, terminal.OutputClosedError):
        raise
    except BaseException:
        note_how_to_continue(job, job.id if is_stored else shlex.quote(job.to_json()))
        raise
    finally:
        if is_stored:
            store_job(job, prompt)


def store_job(job: Job[Any], prompt: str = "") -> bool:
    """Store a job, and tell whether it is. A full disk does not end the command, which could lose the job."""
    from budwood_cli.job_store import JobStoreError, save_job

    try:
        save_job(job.ref, job.state, prompt)
    except JobStoreError as error:
        terminal.note(f"note: {error.message}")
        terminal.note(f"hint: {error.hint}")
        return False
    return True


def note_how_to_continue(job: Job[Any], name: str) -> None:
    """Note that the vendor continues a job, or has its result, and how to get it."""
    if job.is_ended:
        terminal.note(f"The vendor has the result. `budwood jobs result {name}` fetches it.")
    else:
        terminal.note(f"The vendor continues the job. `budwood jobs result {name}` waits for it again.")


def _wait(job: Job[Any], timeout: float, *, quiet: bool) -> None:
    with show_progress(quiet=quiet) as progress:
        job.wait(timeout=timeout, progress=progress)


def _write_state(job: Job[Any], *, json_output: bool) -> None:
    if job.state is None:
        return
    if json_output:
        terminal.write_json(job.state.model_dump(mode="json", exclude={"data"}) | {"kind": job.kind})
    else:
        terminal.write(f"{describe_state(job.state)}\n")


def write_video(job: Job[VideoResponse], target: MediaOutput, *, quiet: bool, json_output: bool) -> None:
    """Download a video, and print the name of its file."""
    from budwood_cli.media_outputs import write_result

    paths = [] if target.is_stdout else target.paths()
    with show_download(quiet=quiet or json_output):
        response = job.result(output=paths[0] if paths else None)
    if not paths:
        target.write([response.video])
    write_result(response, [response.video], paths, json_output=json_output)


def _write_texts(job: Job[Any], output: Path | None, *, json_output: bool) -> None:
    """Write a reply, or the replies of a batch, one a line."""
    if job.kind == "response":
        _write_reply(job.result(), output, json_output=json_output)
        return
    from budwood_cli.batch_files import check_failed, write_results

    results = job.result()
    check_failed(write_results(results, [None] * len(results), output), len(results))


def _write_reply(response: ChatResponse, output: Path | None, *, json_output: bool) -> None:
    from budwood_cli.media_outputs import write_text_output
    from budwood_cli.replies import as_json, write_notes, write_text

    if output is not None:
        write_text_output(output, f"{response.text}\n")
    elif json_output:
        terminal.write_json(as_json(response))
    else:
        write_text(response.text)
    write_notes(response)


def _file_name(job_id: str) -> str:
    """Return the id of a job as the name of a file: ids of some vendors are paths."""
    return re.sub(r"[^\w.-]+", "-", job_id.rpartition("/")[2]) or "video"
