"""Where commands write media: the files of ``-o``, and what is printed about them."""

from __future__ import annotations

import mimetypes
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood import BudwoodError
from budwood.providing import replace_file
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError, OutputError
from budwood_cli.replies import attempt_as_json, write_notes

if TYPE_CHECKING:
    from budwood.types import GeneratedMedia, ServiceResponse

STDOUT: Final = "-"
_ALIASES: Final = {"audio/x-wav": "audio/wav", "audio/vnd.wave": "audio/wav", "image/jpg": "image/jpeg"}
_OF_REPLIES: Final = {"provider", "model", "id", "request_id", "cost_unknown", "cached"}


class MediaOutput:
    """
    The files that a command writes: the one of ``-o``, or numbered ones for several results.

    Args:
        name: The value of ``-o``; ``-`` for standard output.
        count: The number of results.
        json_output: Whether the command prints JSON to standard output.
        force: Whether to replace existing files.

    Raises:
        ArgumentError: An output is a folder or a device, exists, or cannot be written to standard output.
    """

    def __init__(self, name: str, *, count: int = 1, json_output: bool, force: bool) -> None:
        self.is_stdout = name == STDOUT
        self._path = Path(name)
        if self.is_stdout:
            _check_stdout(count, json_output=json_output)
        else:
            for path in self.paths(count):
                _check_path(path, force=force)

    @property
    def suffix(self) -> str:
        """The extension of the file without its dot, in lower case; empty for standard output."""
        return "" if self.is_stdout else self._path.suffix.lower().removeprefix(".")

    @property
    def is_pipe(self) -> bool:
        """Whether it is a pipe, whose reader may want data at once. A file is written once it is complete."""
        return self.is_stdout and sys.stdout is not None and not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)

    def paths(self, count: int = 1) -> list[Path]:
        """Return the files for a number of results: ``cat.png``, or ``cat-1.png``, ``cat-2.png`` and so on."""
        if count == 1:
            return [self._path]
        return [self._path.with_name(f"{self._path.stem}-{number + 1}{self._path.suffix}") for number in range(count)]

    def write(self, media: Sequence[GeneratedMedia]) -> list[Path]:
        """
        Write the media that could be downloaded, and return the files for all; none for standard output.

        Raises:
            OutputError: A file cannot be written. The hint says where its content is.
            BudwoodError: The content for standard output is still at the vendor.
        """
        if self.is_stdout:
            write_stdout(media[0].read())
            return []
        paths = self.paths(len(media))
        for each, path in zip(media, paths, strict=True):
            if each.is_here:
                _write_or_keep(path, each.save)
                _note_other_type(each, path)
        return paths


def find_text_output(name: str | None, *, force: bool) -> Path | None:
    """
    Return the file that a command writes text to; None for standard output.

    Raises:
        ArgumentError: The output is a folder or a device, exists, or is in a folder that does not exist.
    """
    if name is None or name == STDOUT:
        terminal.check_output()
        return None
    path = Path(name)
    _check_path(path, force=force)
    return path


def write_text_output(path: Path | None, text: str) -> None:
    """
    Write text to a file, which is either complete or as before, or to standard output.

    Raises:
        OutputError: The file cannot be written. The hint says where its content is.
    """
    if path is None:
        terminal.write(text)
    else:
        _write_or_keep(path, lambda file: _write_text(file, text))


def _write_text(path: Path, text: str) -> None:
    """Write a text. A new file has the permissions that the process gives to its files."""
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    with replace_file(path, part), part.open("xb") as file:
        file.write(text.encode())


def _write_or_keep(path: Path, write: Callable[[Path], object]) -> None:
    """Write a result, which has a cost, to its file, or else to a temporary one."""
    try:
        write(path)
    except OSError as error:
        kept = _keep(path.name, write)
        hint = "Free some space, or pass another file, and run the command again."
        if kept is not None:
            hint = f"The content is in {kept}."
        raise OutputError(f"{path} cannot be written: {error.strerror}.", hint=hint) from error


def _keep(name: str, write: Callable[[Path], object]) -> Path | None:
    """Write a result to a temporary file; return None if that is not possible either."""
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="budwood-"))
        write(folder / name)
    except OSError:
        if folder is not None:
            folder.rmdir()
        return None
    return folder / name


def check_replaceable(path: Path, *, hint: str) -> None:
    """
    Check that a path is that of a regular file, or of none yet: a device or a pipe is never replaced.

    Raises:
        ArgumentError: It is a folder, a device or a pipe.
    """
    if path.is_dir():
        raise ArgumentError(f"The output {path} is a folder.", hint=hint)
    if path.exists() and not path.is_file():
        raise ArgumentError(f"The output {path} exists, and is not a regular file.", hint=hint)


def _check_path(path: Path, *, force: bool) -> None:
    check_replaceable(path, hint="Pass -o with the name of a file, or -o - to write to standard output.")
    if path.exists() and not force:
        raise ArgumentError(f"The output {path} exists.", hint="Pass --force to replace it, or another file.")
    if not path.parent.is_dir():
        raise ArgumentError(f"The folder {path.parent} does not exist.", hint="Create it first.")
    if not os.access(path.parent, os.W_OK):
        raise ArgumentError(f"Files cannot be created in {path.parent}.", hint="Pass a file in another folder.")


def _check_stdout(count: int, *, json_output: bool) -> None:
    if count > 1:
        raise ArgumentError(f"{count} results do not fit into standard output.", hint="Pass -o FILE.")
    if json_output:
        raise ArgumentError("--json prints to standard output, and -o - writes there.", hint="Use one of them.")
    terminal.check_output()
    if terminal.is_terminal(sys.stdout):
        raise ArgumentError(
            "The output is standard output, which is a terminal.", hint="Redirect it to a file or a pipe."
        )


def write_stdout(data: bytes) -> None:
    """
    Write bytes to standard output.

    Raises:
        OutputClosedError: The reader has closed it.
    """
    terminal.check_output()
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise terminal.OutputClosedError from None


def _note_other_type(media: GeneratedMedia, path: Path) -> None:
    """Note if the extension of a file names another format than that of its content."""
    named = mimetypes.guess_type(path.name)[0]
    if named is None or media.media_type is None:
        return
    if _ALIASES.get(named, named) != _ALIASES.get(media.media_type, media.media_type):
        terminal.note(f"note: the content of {path} is {media.media_type}, unlike its name.")


def write_result(
    response: ServiceResponse, media: Sequence[GeneratedMedia], paths: Sequence[Path], *, json_output: bool
) -> None:
    """
    Print the files that were written, or all that is known of the reply except its content; then notes.

    Raises:
        BudwoodError: A result is still at the vendor.
    """
    if json_output:
        terminal.write_json(reply_as_json(response) | {"results": _describe(media, paths)})
    else:
        for each, path in zip(media, paths, strict=False):  # standard output has no paths
            if each.is_here:
                terminal.write(f"{terminal.output_path(path)}\n")
        for each in media:
            if (revised := getattr(each, "revised_prompt", None)) is not None:
                terminal.note(f"note: the vendor used the prompt: {revised}")
        write_notes(response)
    _report_absent([each for each in media if not each.is_here])


def _report_absent(media: Sequence[GeneratedMedia]) -> None:
    """Report results that are still at the vendor, the last one as the error of the command."""
    for number, each in enumerate(media, 1):
        try:
            each.read()
        except BudwoodError as error:
            if number == len(media):
                raise
            terminal.note(f"error: {error.message}")


def reply_as_json(response: ServiceResponse) -> dict[str, Any]:
    """Return what all replies of services have, as JSON."""
    return response.model_dump(mode="json", include=_OF_REPLIES) | {
        "usage": response.usage.model_dump(mode="json", exclude={"raw"}),
        "cost": response.cost,
        "attempts": [attempt_as_json(attempt) for attempt in response.attempts],
        "adaptations": [asdict(adaptation) for adaptation in response.adaptations],
    }


def _describe(media: Sequence[GeneratedMedia], paths: Sequence[Path]) -> list[dict[str, Any]]:
    described = []
    for each, path in zip(media, paths, strict=True):
        fields = each.model_dump(
            mode="json",
            include={"media_type", "width", "height", "seconds", "seed", "revised_prompt", "download_error"},
            exclude_none=True,
        )
        place = {"file": path, "bytes": path.stat().st_size} if each.is_here else {"url": each.url}
        described.append(place | fields)
    return described
