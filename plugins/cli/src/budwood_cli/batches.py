"""``budwood batch``: many requests from a file, as a batch of the vendor or as ordinary calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from budwood_cli import options, terminal
from budwood_cli.call_options import Extra, Pairs, option_errors, read_options
from budwood_cli.errors import ArgumentError, OutputError
from budwood_cli.groups import new_group
from budwood_cli.job_progress import describe_state, show_progress
from budwood_cli.jobs import store_job

if TYPE_CHECKING:
    from budwood import BatchJob, BatchRequest, Client
    from budwood.types import JobRef, JobState
    from budwood_cli.batch_runs.command import BatchCommand

app = new_group("Send many requests from a file side by side, or as a batch of the vendor at a lower price.")

Requests = Annotated[Path, typer.Argument(metavar="FILE", help="Requests, one a line: JSON, or plain texts.")]
JobFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file with the requests, or FILE.job.json.")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", min=1, help="Maximum tokens of each output.")]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="FILE", help="The file to write, one result a line, instead of printing."),
]


@app.command("run")
def run(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Requests, one a line: JSON, or plain texts; - for standard input."),
    ],
    *,
    model: options.Model = None,
    system: options.System = None,
    temperature: Annotated[
        float | None,
        typer.Option("-t", "--temperature", callback=options.check_not_negative, help="The sampling temperature."),
    ] = None,
    max_tokens: MaxTokens = None,
    seed: options.Seed = None,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="SCHEMA",
            help="The form of each reply: FILE.json, JSON, MODULE:TYPE, or 'name, age int'.",
        ),
    ] = None,
    output: Output = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Requests at once.")] = 32,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Send only the first N requests.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Send requests of the output again that have failed.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start again: delete the results that the output has.")
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget",
            metavar="DOLLARS",
            callback=options.check_positive,
            help="The most that all requests may cost together.",
        ),
    ] = None,
    timeout: options.Timeout = None,
    base_url: options.BaseURL = None,
    input_format: Annotated[
        Literal["auto", "jsonl", "text"],
        typer.Option("--input-format", metavar="FORM", help="What the lines are: jsonl, text, or auto."),
    ] = "auto",
    lane: Annotated[
        Literal["auto", "batch", "live"] | None,
        typer.Option(
            "--lane",
            metavar="LANE",
            help="live (ordinary calls, the default), batch (a batch of the vendor), or auto (that if it has batches).",
            show_default=False,
        ),
    ] = None,
    further: Pairs = None,
    extra: Extra = None,
    quiet: options.Quiet = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print no progress, and with -o a summary as JSON.")
    ] = False,
    json_lines: Annotated[
        bool, typer.Option("--jsonl", help="Print results as lines of JSON, which is the default, and no progress.")
    ] = False,
) -> None:
    """
    Send many prompts side by side, and write their results in order, one a line.

    With -o FILE nothing is lost: if the command is interrupted, run it again, and it sends what has no result yet.
    """
    from budwood import Client
    from budwood_cli.batch_runs.command import BatchCommand, run_live
    from budwood_cli.reply_schemas import read_schema

    if json_lines and output not in {None, "-"}:
        raise ArgumentError(
            "--jsonl prints the results, and -o writes them to a file.",
            hint="Leave --jsonl out: the file has lines of JSON.",
        )
    ask_options = read_options(
        Client.ask_many,
        further,
        extra,
        system=system,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        timeout=timeout,
        schema=None if schema is None else read_schema(schema),
    )
    live = BatchCommand(
        file=file,
        input_format=input_format,
        model=model,
        base_url=base_url,
        options=ask_options,
        output=output,
        concurrency=concurrency,
        limit=limit,
        retry_failed=retry_failed,
        force=force,
        budget=budget,
        quiet=quiet or json_lines,
        json_output=json_output,
    )
    with option_errors(further):
        if lane == "live" or (lane is None and not _has_job(file)) or not _run_batch(live, is_required=lane != "auto"):
            run_live(live)


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
    """Submit requests as a batch of the vendor. The job is stored in FILE.job.json."""
    from budwood import Client
    from budwood_cli.batch_files import find_job_file, write_job

    ask_options = read_options(Client.submit_batch, further, extra, system=system, max_tokens=max_tokens)
    saved = find_job_file(file)
    if saved.exists():
        raise ArgumentError(
            f"{saved} exists: the requests were submitted.",
            hint=f"`budwood batch results {file}` fetches the results. Delete the file to submit them again.",
        )
    with option_errors(further), _open(file, model) as (client, requests), _continuing(file):
        job = _submit(client, requests, saved, **ask_options)
        write_job(saved, job.ref)
        store_job(job, f"{terminal.format_count(len(requests), 'request')} in {file.name}")
    if json_output:
        terminal.write_json({"job": str(saved), "id": job.id, "requests": len(requests)})
    else:
        terminal.write(f"{saved}\n")


@app.command("status")
def status(file: JobFile, *, json_output: options.AsJSON = False) -> None:
    """Ask the vendor for the state of a batch."""
    with _client() as client:
        job = _load(client, file)
        _print_state(job, job.poll(), json_output=json_output)
        _save(file, job)


@app.command("cancel")
def cancel(file: JobFile, *, json_output: options.AsJSON = False) -> None:
    """Cancel a batch of the vendor. What it has answered by then remains."""
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
    """Wait for a batch of the vendor, and print its results, one a line, in the order of the requests."""
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


def _has_job(file: str) -> bool:
    """Tell whether the vendor has a batch of these requests, or may have it."""
    from budwood_cli.batch_files import find_creation_file, find_job_file

    saved = find_job_file(Path(file))
    return saved.exists() or find_creation_file(saved).exists()


def _run_batch(command: BatchCommand, *, is_required: bool) -> bool:
    """Submit a batch or continue with it, wait, and print the results; return False if the vendor has no batches."""
    from budwood.errors import UnsupportedError
    from budwood_cli.batch_files import check_failed, find_job_file, list_ids, write_results
    from budwood_cli.media_outputs import find_text_output

    command.check_for_batch()
    file = Path(command.file)
    path = find_text_output(command.output, force=command.force)
    saved = find_job_file(file)
    with _open(file, command.model) as (client, requests), _continuing(file):
        if saved.exists():
            job = _load(client, file)
        else:
            try:
                job = _submit(client, requests, saved, **command.options)
            except UnsupportedError:
                if is_required:
                    raise
                return False
        with show_progress(quiet=command.is_quiet) as progress:
            found = job.result(progress=progress)
    failed = write_results(found, list_ids(file, len(found)), path)
    saved.unlink(missing_ok=True)
    check_failed(failed, len(found))
    return True


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
