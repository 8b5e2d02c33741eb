"""``budwood batch``: many requests from a file, as a batch of the vendor or as ordinary calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from budwood_cli import options, terminal
from budwood_cli.call_options import Extra, Pairs, read_options
from budwood_cli.errors import ArgumentError, OutputError
from budwood_cli.groups import new_group
from budwood_cli.job_progress import describe_state, show_progress
from budwood_cli.jobs import store_job

if TYPE_CHECKING:
    from budwood import BatchJob, BatchRequest, Client, LiveBatch
    from budwood.errors import BudwoodError
    from budwood.types import ChatResponse, JobRef, JobState

app = new_group("Send many requests from a file at once: later at a lower price, or now.")

Requests = Annotated[
    Path, typer.Argument(metavar="FILE", help="Requests, one a line: JSON texts, or objects in OpenAI's form.")
]
JobFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file with the requests, or FILE.job.json.")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", min=1, help="Maximum tokens of each output.")]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="FILE", help="The file to write, one result a line, instead of printing."),
]


@app.command("run")
def run(
    file: Requests,
    *,
    model: options.Model = None,
    system: options.System = None,
    max_tokens: MaxTokens = None,
    lane: Annotated[
        Literal["auto", "batch", "live"],
        typer.Option("--lane", metavar="LANE", help="auto, batch, or live (ordinary calls at once)."),
    ] = "auto",
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Ordinary calls at once.")] = 32,
    further: Pairs = None,
    extra: Extra = None,
    output: Output = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """
    Send requests, wait, and print their results.

    The results have the order of the requests, one a line. A batch is stored in FILE.job.json while it runs. If the
    command is interrupted, run it again: it continues.
    """
    from budwood import Client
    from budwood_cli.batch_files import check_failed, find_job_file, list_ids, write_results
    from budwood_cli.media_outputs import find_text_output

    path = find_text_output(output, force=force)
    ask_options = read_options(Client.submit_batch, further, extra, system=system, max_tokens=max_tokens)
    saved = find_job_file(file)
    with _open(file, model) as (client, requests), _continuing(file):
        if saved.exists():
            job: BatchJob | LiveBatch = _load(client, file)
        else:
            job = _submit(client, requests, saved, lane=lane, concurrency=concurrency, **ask_options)
        results, is_stopped = _wait_for_results(job, quiet=quiet)
    failed = write_results(results, list_ids(file, len(results)), path)
    if is_stopped:
        raise KeyboardInterrupt
    saved.unlink(missing_ok=True)
    check_failed(failed, len(results))


@app.command("submit")
def submit(
    file: Requests,
    *,
    model: options.Model = None,
    system: options.System = None,
    max_tokens: MaxTokens = None,
    further: Pairs = None,
    extra: Extra = None,
    json_output: options.AsJSON = False,
) -> None:
    """Submit requests as a batch. The job is stored in FILE.job.json."""
    from budwood import Client
    from budwood_cli.batch_files import find_job_file, write_job

    ask_options = read_options(Client.submit_batch, further, extra, system=system, max_tokens=max_tokens)
    saved = find_job_file(file)
    if saved.exists():
        raise ArgumentError(
            f"{saved} exists: the requests were submitted.",
            hint=f"`budwood batch results {file}` fetches the results. Delete the file to submit them again.",
        )
    with _open(file, model) as (client, requests), _continuing(file):
        job = _submit(client, requests, saved, **ask_options)
        write_job(saved, job.ref)
        store_job(job, f"{terminal.format_count(len(requests), 'request')} in {file.name}")
    if json_output:
        terminal.write_json({"job": str(saved), "id": job.id, "requests": len(requests)})
    else:
        terminal.write(f"{saved}\n")


@app.command("status")
def status(file: JobFile, *, json_output: options.AsJSON = False) -> None:
    """Ask for the state of a batch."""
    with _client() as client:
        job = _load(client, file)
        _print_state(job, job.poll(), json_output=json_output)
        _save(file, job)


@app.command("cancel")
def cancel(file: JobFile, *, json_output: options.AsJSON = False) -> None:
    """Cancel a batch. What it has answered by then remains."""
    with _client() as client:
        job = _load(client, file)
        _print_state(job, job.cancel(), json_output=json_output)
        _save(file, job)


@app.command("results")
def results(
    file: JobFile,
    *,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the batch has ended.")] = True,
    output: Output = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Print the results of a batch, one a line, in the order of the requests."""
    from budwood_cli.batch_files import check_failed, list_ids, write_results
    from budwood_cli.media_outputs import find_text_output

    path = find_text_output(output, force=force)
    with _client() as client, _continuing(file):
        job = _load(client, file)
        if not wait and not job.poll().is_ended:
            raise ArgumentError("The batch has not ended.", hint="Leave out --no-wait to wait for it.")
        with show_progress(quiet=quiet) as progress:
            found = job.result(progress=progress)
    check_failed(write_results(found, list_ids(file, len(found)), path), len(found))


def _submit(client: Client, requests: Sequence[BatchRequest], saved: Path, **arguments: Any) -> Any:  # noqa: ANN401 - a job of a batch or of live calls
    """Submit requests, so that no command submits them again whose batch the vendor may have."""
    from budwood.errors import ProviderError
    from budwood_cli.batch_files import check_not_submitted, end_creation, start_creation, write_job
    from budwood_cli.interrupts import hold_interrupts
    from budwood_cli.job_store import save_job

    def submitted(ref: JobRef) -> None:
        try:
            write_job(saved, ref)
            end_creation(saved)
        except OSError as error:
            save_job(ref, None)
            raise OutputError(
                f"{saved} cannot be written: {error.strerror}.",
                hint=f"The vendor continues the batch. `budwood jobs result {ref.id}` fetches its results.",
            ) from error

    check_not_submitted(saved)
    with hold_interrupts() as release:
        try:
            creating = partial(start_creation, saved)
            job = client.submit_batch(requests, creating=creating, submitted=submitted, **arguments)
        except ProviderError as error:
            if not error.may_be_accepted:
                end_creation(saved)
            raise
        release()
    return job


def _wait_for_results(job: BatchJob | LiveBatch, *, quiet: bool) -> tuple[list[ChatResponse | BudwoodError], bool]:
    """Return the results, and whether an interrupt has stopped ordinary calls: then, those that were made."""
    from budwood import BatchJob

    try:
        with show_progress(quiet=quiet) as progress:
            return job.result(progress=progress), False
    except KeyboardInterrupt:
        if isinstance(job, BatchJob):
            raise
        terminal.note("Stopping. The replies so far are written. Press Ctrl-C again to stop at once, without them.")
        job.cancel()
        return job.result(), True


@contextmanager
def _continuing(file: Path) -> Iterator[None]:
    """Note how to continue with a batch after an interrupt, if there is one."""
    from budwood_cli.batch_files import find_job_file

    try:
        yield
    except KeyboardInterrupt:
        if find_job_file(file).exists():
            terminal.note(f"The vendor continues the batch. `budwood batch results {file}` waits for it again.")
        raise


@contextmanager
def _open(file: Path, model: str | None) -> Iterator[tuple[Client, Sequence[BatchRequest]]]:
    """Yield a client for requests, and these."""
    from budwood import Settings
    from budwood_cli.batch_files import complete_models, read_requests
    from budwood_cli.clients import client_for

    model, requests = complete_models(read_requests(file), model or Settings.load().model)
    with client_for(model) as client:
        yield client, requests


def _client() -> Client:
    from budwood import Settings
    from budwood_cli.clients import open_client

    return open_client(None, Settings.load())


def _load(client: Client, file: Path) -> BatchJob:
    from budwood import BatchJob
    from budwood.errors import ConfigurationError
    from budwood_cli.batch_files import find_job_file, read_job

    try:
        job = client.job(read_job(file))
    except (ConfigurationError, ValueError) as error:
        raise ArgumentError(
            f"{find_job_file(file)} is damaged, or was written by a newer version of Budwood.",
            hint="Do not delete it while the vendor works on the batch: its id is in it.",
        ) from error
    if not isinstance(job, BatchJob):
        raise ArgumentError(
            f"{file} contains a job of another kind than a batch.", hint="`budwood jobs` handles other jobs."
        )
    return job


def _save(file: Path, job: BatchJob) -> None:
    from budwood_cli.batch_files import find_job_file, write_job

    write_job(find_job_file(file), job.ref)
    store_job(job)


def _print_state(job: BatchJob, state: JobState, *, json_output: bool) -> None:
    counts = state.counts.model_dump() if state.counts is not None else {}
    if json_output:
        terminal.write_json(
            {"id": job.id, "provider": job.ref.provider, "status": state.status, "error": state.error, "counts": counts}
        )
        return
    terminal.write(f"{describe_state(state)}\n")
