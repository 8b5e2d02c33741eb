"""
Export the rows of a run: ``python -m budwood_server.runs.exporting``, with JSON on standard input and output.

It runs in a process of its own, because it may take long, and some formats need libraries that take much memory.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from budwood.errors import BudwoodError
from budwood_server.web.problems import reject

COMMAND: Final = (sys.executable, "-P", "-m", "budwood_server.runs.exporting")

Format = Literal[
    "alpaca", "chatml", "csv", "huggingface", "jsonl", "llama-factory", "messages", "openai", "parquet", "sharegpt"
]
"""The formats of budwood-generation. A test compares them."""

_WITH_ARROW: Final[frozenset[Format]] = frozenset({"huggingface", "parquet"})
"""Those that the package pyarrow writes."""

MEDIA_TYPES: Final = {".jsonl": "application/jsonl", ".csv": "text/csv", ".zip": "application/zip"}


def list_formats() -> tuple[Format, ...]:
    """Return the formats that the packages of this installation can write."""
    formats: tuple[Format, ...] = get_args(Format)
    return tuple(name for name in formats if name not in _WITH_ARROW or find_spec("pyarrow") is not None)


class ExportOptions(NamedTuple):
    """
    What is exported.

    Attributes:
        format: The format.
        context: Whether the passage of a conversation is put into its system message.
        split: The fraction of rows for validation; 0 for one file.
        reasoning: ``"drop"``, ``"field"`` or ``"tags"``; None for where the rows have it.
    """

    format: Format
    context: bool = False
    split: float = 0.0
    reasoning: str | None = None


async def export(output: Path, folder: Path, options: ExportOptions) -> Path:
    """
    Export a run into a folder, and return the file: that of the format, or a ZIP archive if there are several.

    Raises:
        ProblemError: 400: the format cannot hold the rows, or an option is not valid for it.
    """
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    order = json.dumps({"output": str(output), "folder": str(folder), "options": options._asdict()})
    try:
        written, _ = await process.communicate(order.encode())
    except BaseException:  # the client has left
        process.kill()
        await process.wait()
        raise
    answer = json.loads(written)  # without an answer the process failed, which is a fault of the server
    if "error" in answer:
        raise reject(answer["error"], param="format", code="invalid_export", hint=answer["hint"])
    return Path(answer["file"])


def write_export(output: Path, folder: Path, options: ExportOptions) -> Path:
    """
    Export a run into a folder, and return the file.

    Raises:
        BudwoodError: The format cannot hold the rows, or an option is not valid for it.
    """
    from budwood_generation import export_formats, export_run

    found = next(each for each in export_formats() if each.name == options.format)
    target = folder / "content" / f"rows{found.suffix}"
    target.parent.mkdir()
    report = export_run(
        output,
        options.format,
        target,
        context=options.context,
        split=options.split or None,
        reasoning=options.reasoning,  # type: ignore[arg-type] # it is checked there
    )
    if not found.is_folder and len(report.files) == 1:
        return Path(report.files[0])
    return Path(shutil.make_archive(str(folder / "rows"), "zip", target if found.is_folder else target.parent))


def main() -> None:
    """Export what standard input names."""
    order: dict[str, Any] = json.load(sys.stdin)
    try:
        file = write_export(Path(order["output"]), Path(order["folder"]), ExportOptions(**order["options"]))
        answer: dict[str, str | None] = {"file": str(file)}
    except BudwoodError as error:
        answer = {"error": error.message, "hint": error.hint}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
