"""``budwood generate --init``: write a new specification."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from budwood_cli import terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.spec_template import NO_MODEL, TemplateValues, write_template

_ONLY_ROWS: Final = ("schema", "instruction")
_ONLY_CONVERSATIONS: Final = ("turns", "asker")


def write_new_spec(path: Path | None, options: Mapping[str, Any]) -> None:
    """
    Write a specification to a new file, or to standard output.

    Args:
        path: The file; None or ``-`` is standard output.
        options: The values that were given, by the names of `TemplateValues`.

    Raises:
        ArgumentError: The values contradict each other, one of them is not valid, or the file exists.
        ConfigurationError: The package for datasets is not installed.
    """
    _check_options(options)
    model = options.get("model") or _default_model()
    folder = Path() if path is None else path.parent
    documents = [_select_files(pattern, folder) for pattern in options.get("documents", ())]
    text = write_template(TemplateValues(**{**options, "model": model, "documents": documents}))
    _check_spec(text)
    if path is None or str(path) == "-":
        terminal.write(text)
    else:
        _create_file(path, text)
        terminal.write(f"{path}\n")
    if model == NO_MODEL:
        terminal.note(f'note: no model is set: replace "{NO_MODEL}", or pass --model.')


def _select_files(pattern: str, folder: Path) -> str:
    """Return a pattern of all files in a folder, or another pattern unchanged."""
    return (PurePath(pattern) / "**").as_posix() if pattern and (folder / pattern).is_dir() else pattern


def _check_options(options: Mapping[str, Any]) -> None:
    """
    Check options that together have no meaning.

    Raises:
        ArgumentError: They have none.
    """
    if str(options.get("output", "")).endswith(".toml"):
        raise ArgumentError(
            f"--output {options['output']}: this is the output of the dataset, not the specification.",
            hint=f"`budwood generate --init {options['output']}` writes the specification.",
        )
    rows, others = ([name for name in names if name in options] for names in (_ONLY_ROWS, _ONLY_CONVERSATIONS))
    if rows and others:
        raise ArgumentError(
            f"--{others[0]} is for conversations, and --{rows[0]} for structured rows.", hint="Use one of them."
        )
    empty = [name for name in _ONLY_ROWS if options.get(name) == ""]
    if empty:
        raise ArgumentError(f"--{empty[0]} '': the value is empty.")
    for name in ("model", "asker"):
        if "/" not in (value := options.get(name, NO_MODEL)):
            raise ArgumentError(f'--{name} {value!r}: expected "provider/model".', hint="Example: openai/gpt-4.1-mini.")


def _check_spec(text: str) -> None:
    """
    Check that a specification is valid. Its documents and its schema are not read.

    Raises:
        ArgumentError: It is not valid.
    """
    import tomllib

    from budwood.errors import ConfigurationError
    from budwood_generation import GenerationSpec

    table = tomllib.loads(text)
    if isinstance(table.get("row", {}).get("schema"), str):
        table["row"]["schema"] = {}
    try:
        GenerationSpec(**table)
    except ConfigurationError as error:
        problem = error.message.removeprefix("GenerationSpec: ")
        raise ArgumentError(f"The specification would not be valid: {problem}", hint=error.hint) from None


def _create_file(path: Path, text: str) -> None:
    """
    Write a file that does not exist.

    Raises:
        ArgumentError: It exists.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ArgumentError(f"The file {str(path)!r} exists.", hint="Choose another name, or remove it.") from None


def _default_model() -> str:
    from budwood.settings import Settings

    return Settings.load().model or NO_MODEL
