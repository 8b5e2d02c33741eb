"""``budwood image`` and ``budwood speak``: generate media, and write them to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.call_options import Extra, Pairs, option_errors, read_options
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from budwood import Client
    from budwood.types import ImageResponse

_IMAGE_FORMATS: Final = {"jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
"""Formats of images to ask for, by the extension of the output. PNG is the usual one."""

_SPEECH_FORMATS: Final = frozenset({"mp3", "wav", "opus", "flac", "aac", "pcm"})
_MODEL_HINT: Final = "Pass -m PROVIDER/MODEL, such as offline/{}. `budwood plugins list` shows the providers."

Output = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="The file to write; - for standard output.")
]


def image(
    prompt: options.Prompt = None,
    *,
    output: Output,
    model: options.Model = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="WIDTHxHEIGHT, or a ratio such as 16:9.")
    ] = None,
    quality: Annotated[str | None, typer.Option("--quality", metavar="NAME", help="Such as high.")] = None,
    count: Annotated[int | None, typer.Option("-n", min=1, help="The number of images: FILE-1, FILE-2, …")] = None,
    seed: options.Seed = None,
    image_format: Annotated[
        str | None, typer.Option("--format", metavar="png|jpeg|webp", help="The format. Default: that of FILE.")
    ] = None,
    background: Annotated[
        str | None, typer.Option("--background", metavar="transparent|opaque|auto", help="The background.")
    ] = None,
    edit: Annotated[
        list[str] | None, typer.Option("-f", "--edit", metavar="FILE", help="An image to edit. Can be repeated.")
    ] = None,
    mask: Annotated[
        str | None, typer.Option("--mask", metavar="FILE", help="An image whose transparent areas may change.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Also write unfinished images as they arrive.")] = False,
    timeout: options.Timeout = None,
    base_url: options.BaseURL = None,
    force: options.Force = False,
    further: Pairs = None,
    extra: Extra = None,
    json_output: options.AsJSON = False,
) -> None:
    """Generate or edit images, and print the names of their files."""
    from budwood import Client
    from budwood_cli.clients import client_for
    from budwood_cli.media_outputs import MediaOutput, write_result
    from budwood_cli.prompts import build_prompt, open_file, open_files

    if mask is not None and not edit:
        raise ArgumentError("--mask needs an image to change.", hint="Pass --edit FILE.")
    target = MediaOutput(output, count=count or 1, json_output=json_output, force=force)
    image_options = read_options(
        Client.edit_image,
        further,
        extra,
        size=size,
        quality=quality,
        n=count,
        seed=seed,
        format=image_format or _IMAGE_FORMATS.get(target.suffix),
        background=background,
        mask=None if mask is None else open_file(mask),
        timeout=timeout,
    )
    text = build_prompt(prompt, [*(edit or ()), *([] if mask is None else [mask])])
    changed = open_files(edit) if edit else None
    with option_errors(further), client_for(model, hint=_MODEL_HINT.format("image"), base_url=base_url) as client:
        if stream:
            files = [] if target.is_stdout else target.paths(count or 1)
            response = _stream_image(client, text, changed, image_options, files)
        elif changed:
            response = client.edit_image(text, changed, **image_options)
        else:
            response = client.image(text, **image_options)
        paths = target.write(response.images)
    write_result(response, response.images, paths, json_output=json_output)


def _stream_image(
    client: Client, prompt: str, images: list[str | BinaryIO] | None, image_options: dict[str, Any], paths: list[Path]
) -> ImageResponse:
    """
    Write unfinished images next to the files of the images, and return the complete reply.

    They are deleted once it is there. An interrupt leaves them: they may have a cost.
    """
    files = [path.with_name(f"{path.stem}.unfinished{path.suffix}") for path in paths]
    with client.stream_image(prompt, images, **{"partial_images": 2, **image_options}) as events:
        for event in events:
            if event.partial and event.index < len(files):
                event.image.save(files[event.index])
                terminal.note(f"unfinished image: {terminal.short_path(files[event.index])}")
        response = events.response
    for file in files:
        file.unlink(missing_ok=True)
    return response


def speak(
    text: Annotated[
        str | None, typer.Argument(help="The text, or - for standard input. Piped input precedes it.")
    ] = None,
    *,
    output: Output,
    model: options.Model = None,
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE", help="A file with the text, or - for standard input.")
    ] = None,
    voice: Annotated[str | None, typer.Option("--voice", metavar="NAME", help="The vendor's name of a voice.")] = None,
    audio_format: Annotated[
        str | None,
        typer.Option("--format", metavar="mp3|wav|opus|flac|aac|pcm", help="The format. Default: that of FILE."),
    ] = None,
    speed: Annotated[
        float | None, typer.Option("--speed", callback=options.check_positive, help="1 is normal, 2 is twice as fast.")
    ] = None,
    instructions: Annotated[
        str | None, typer.Option("--instructions", metavar="TEXT", help="A description of how to speak.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="The language of the text, such as en.")
    ] = None,
    timeout: options.Timeout = None,
    base_url: options.BaseURL = None,
    force: options.Force = False,
    further: Pairs = None,
    extra: Extra = None,
    json_output: options.AsJSON = False,
) -> None:
    """Convert text to speech, and print the name of the file. A pipe receives audio as it arrives."""
    from budwood import Client
    from budwood_cli.clients import client_for
    from budwood_cli.media_outputs import MediaOutput, write_result, write_stdout
    from budwood_cli.prompts import build_text
    from budwood_cli.replies import write_notes

    target = MediaOutput(output, json_output=json_output, force=force)
    speech_options = read_options(
        Client.speak,
        further,
        extra,
        voice=voice,
        format=audio_format or (target.suffix if target.suffix in _SPEECH_FORMATS else None),
        speed=speed,
        instructions=instructions,
        language=language,
        timeout=timeout,
    )
    spoken = build_text(text, file)
    with option_errors(further), client_for(model, hint=_MODEL_HINT.format("speech"), base_url=base_url) as client:
        if target.is_pipe:
            with client.stream_speech(spoken, **speech_options) as stream:
                for data in stream.audio():
                    write_stdout(data)
            write_notes(stream.response)
            return
        response = client.speak(spoken, **speech_options)
        paths = target.write([response.audio])
    write_result(response, [response.audio], paths, json_output=json_output)
