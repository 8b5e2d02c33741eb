"""``budwood transcribe``: convert speech to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.call_options import Extra, Pairs, option_errors, read_options
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood import MediaStream
    from budwood.types import SegmentArrived, TranscriptDelta, TranscriptionResponse

FORMATS: Final = ("text", "json", "srt", "vtt")
TIMES: Final = ("segment", "word")


def transcribe(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="The audio; - for standard input.")] = None,
    *,
    audio: Annotated[str | None, typer.Option("-f", "--file", metavar="FILE", help="The same as FILE.")] = None,
    output: options.Output = None,
    model: options.Model = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="The language of the audio, such as en.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="Words that occur in the audio.")
    ] = None,
    timestamps: Annotated[
        list[str] | None,
        typer.Option("--timestamps", metavar="KIND", help="Show the times: segment or word."),
    ] = None,
    diarize: Annotated[bool, typer.Option("--diarize", help="Identify speakers.")] = False,
    translate: Annotated[bool, typer.Option("--translate", help="Translate the text into English.")] = False,
    timeout: options.Timeout = None,
    base_url: options.BaseURL = None,
    force: options.Force = False,
    further: Pairs = None,
    extra: Extra = None,
    form: Annotated[str, typer.Option("--format", metavar="text|json|srt|vtt", help="The form.")] = "text",
    json_output: options.AsJSON = False,
) -> None:
    """Convert the speech in a file to text, and print it; if the vendor streams the text, as it arrives."""
    from budwood import Client
    from budwood_cli.clients import client_for
    from budwood_cli.media_outputs import find_text_output, write_text_output
    from budwood_cli.prompts import open_file
    from budwood_cli.replies import write_notes

    source = open_file(_choose(file, audio))
    path = find_text_output(output, force=force)
    form = "json" if json_output else form
    times = _check(form, timestamps or [])
    given = read_options(
        Client.transcribe,
        further,
        extra,
        language=language,
        prompt=prompt,
        timestamps=times or None,
        diarize=diarize or None,
        timeout=timeout,
    )
    hint = "Pass -m PROVIDER/MODEL, such as offline/transcription. `budwood plugins list` shows the providers."
    with option_errors(further), client_for(model, hint=hint, base_url=base_url) as client:
        if form == "text" and path is None and not (diarize or translate or times):
            _write_stream(client.stream_transcription(source, **given))
            return
        send = client.translate_audio if translate else client.transcribe
        response = send(source, **given)
    write_text_output(path, _format_or_print(response, form, times))
    write_notes(response)


def _format_or_print(response: TranscriptionResponse, form: str, times: list[str]) -> str:
    """Return a transcript in a format; if it has no times for that, print its text, and raise the error."""
    from budwood.errors import BadResponseError

    try:
        return _format(response, form, times)
    except BadResponseError:
        terminal.write(_by_speaker(response))
        raise


def _choose(argument: str | None, option: str | None) -> str:
    """Return the one of two that is given."""
    given = [name for name in (argument, option) if name is not None]
    if not given:
        raise ArgumentError("No audio given.", hint="Pass its file as an argument, or - for standard input.")
    if len(given) > 1:
        raise ArgumentError("Only one file can be transcribed at once.", hint="Run the command for each file.")
    return given[0]


def _check(form: str, timestamps: list[str]) -> list[str]:
    """Return the times to ask for: also segments for subtitles."""
    if form not in FORMATS:
        raise ArgumentError(f"--format {form!r} is not known.", hint=f"The formats are {', '.join(FORMATS)}.")
    for name in timestamps:
        if name not in TIMES:
            raise ArgumentError(f"--timestamps {name!r} is not known.", hint=f"Pass {' or '.join(TIMES)}.")
    needed = ["segment"] if form in ("srt", "vtt") else []
    return list(dict.fromkeys([*timestamps, *needed]))


def _write_stream(stream: MediaStream[TranscriptDelta | SegmentArrived, TranscriptionResponse]) -> None:
    """Print text as it arrives, or the whole text if the vendor does not stream it."""
    from budwood.types import TranscriptDelta
    from budwood_cli.replies import write_notes

    text = ""
    with stream:
        for event in stream:
            if isinstance(event, TranscriptDelta):
                terminal.write(event.text)
                text += event.text
        response = stream.response
    if not text:
        terminal.write(text := response.text)
    if not text.endswith("\n"):
        terminal.write("\n")
    write_notes(response)


def _format(response: TranscriptionResponse, form: str, times: list[str]) -> str:
    """Return a transcript in a format; the text with the times that were asked for."""
    from budwood_cli import subtitles

    match form:
        case "srt":
            return subtitles.to_srt(response)
        case "vtt":
            return subtitles.to_vtt(response)
        case "json":
            return terminal.to_json(_as_json(response)) + "\n"
        case _:
            return subtitles.to_lines(response, times) if times else _by_speaker(response)


def _by_speaker(response: TranscriptionResponse) -> str:
    """Return the text, with a line for each segment if they have speakers."""
    if not any(segment.speaker for segment in response.segments):
        return response.text if response.text.endswith("\n") else f"{response.text}\n"
    return "".join(f"{segment.speaker or '?'}: {segment.text.strip()}\n" for segment in response.segments)


def _as_json(response: TranscriptionResponse) -> dict[str, Any]:
    from budwood_cli.media_outputs import reply_as_json

    fields = response.model_dump(mode="json", include={"text", "language", "seconds", "segments", "words"})
    return fields | reply_as_json(response)
