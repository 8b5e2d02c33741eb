"""``budwood video``: generate a video, which takes minutes, and write it to a file."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from budwood_cli import options
from budwood_cli.call_options import Extra, Pairs, option_errors, read_options
from budwood_cli.media import Output

_MODEL_HINT: Final = (
    "Pass -m PROVIDER/MODEL with a model for videos, or set `model` in budwood.toml. "
    "`budwood plugins list` shows the providers."
)


def video(
    prompt: options.Prompt = None,
    *,
    output: Output,
    model: options.Model = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="SIZE", help="WIDTHxHEIGHT, a ratio such as 16:9, or a name such as 720p."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", callback=options.check_positive, help="The duration of the video.")
    ] = None,
    seed: options.Seed = None,
    images: Annotated[
        list[str] | None, typer.Option("-f", "--image", metavar="FILE", help="An image to start from. Can be repeated.")
    ] = None,
    edit: Annotated[str | None, typer.Option("--edit", metavar="FILE", help="A video to edit or to extend.")] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            callback=options.check_positive,
            help="How long to wait for the video. Default: a day.",
        ),
    ] = None,
    force: options.Force = False,
    further: Pairs = None,
    extra: Extra = None,
    quiet: options.Quiet = False,
    json_output: options.AsJSON = False,
) -> None:
    """Generate a video, wait for it, and print the name of its file. `budwood jobs` continues after an interrupt."""
    from budwood import Client
    from budwood_cli.clients import client_for
    from budwood_cli.interrupts import hold_interrupts
    from budwood_cli.job_progress import show_progress
    from budwood_cli.jobs import A_DAY, continuing, write_video
    from budwood_cli.media_outputs import MediaOutput
    from budwood_cli.prompts import build_prompt, open_file, open_files

    target = MediaOutput(output, json_output=json_output, force=force)
    text = build_prompt(prompt, [*(images or ()), *([] if edit is None else [edit])])
    video_options = read_options(
        Client.submit_video,
        further,
        extra,
        size=size,
        seconds=seconds,
        seed=seed,
        images=open_files(images) if images else None,
        video=None if edit is None else open_file(edit),
    )
    with option_errors(further), client_for(model, hint=_MODEL_HINT) as client, hold_interrupts() as release:
        job = client.submit_video(text, **video_options)
        with continuing(job, text):
            release()
            with show_progress(quiet=quiet or json_output) as progress:
                job.wait(timeout=timeout or A_DAY, progress=progress)
            write_video(job, target, quiet=quiet, json_output=json_output)
