"""Exporting a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from budwood.errors import ConfigurationError
from budwood_generation.exports import llama_factory
from budwood_generation.exports.card import CARD, check_license, write_card
from budwood_generation.exports.conversations import Reasoning
from budwood_generation.exports.formats import ExportFormat, export_format
from budwood_generation.exports.outputs import (
    SPLITS,
    TRAIN,
    Target,
    check_outputs,
    find_target,
    open_writers,
    split_path,
)
from budwood_generation.exports.records import RecordOptions, check_options, columns_of, records_of
from budwood_generation.exports.report import ExportReport
from budwood_generation.exports.source import ExportSource, open_source
from budwood_generation.exports.splits import check_split, split_of
from budwood_generation.exports.writers import CSVWriter, LinesWriter, ParquetWriter, Writer

OnRow = Callable[[int, int], None]
"""Called with the number of rows that were read, and of all finished rows."""

OPENAI_MINIMUM: Final = 10
"""Source: https://platform.openai.com/docs/guides/supervised-fine-tuning"""


def export_run(
    run: str | Path,
    to: str,
    output: str | Path | BinaryIO | None = None,
    *,
    context: bool = False,
    split: float | None = None,
    reasoning: Reasoning | None = None,
    license: str | None = None,  # noqa: A002 - the word in the metadata of the Hugging Face Hub
    force: bool = False,
    on_progress: OnRow | None = None,
) -> ExportReport:
    """
    Write the finished rows of a run in another format, at any time: also while a process runs it.

    The journal is read and not changed. Files appear once all rows are in them; memory does not grow with the rows.

    Args:
        run: The folder of the run, or its output.
        to: The name of the format; see `export_formats`.
        output: The file, or the folder for a format of several files. By default it is next to the run and has the name
            of its output and of the format. A binary stream is written to and stays open.
        context: Put the passage of each conversation into its system message.
        split: The fraction of rows for validation, between 0 and 1. The split of a row depends on its id alone.
        reasoning: "drop", "field" or "tags": where the reasoning of models is. By default where the rows have it;
            formats without a field for it drop it.
        license: The licence on the card of a Hugging Face folder, such as "cc-by-4.0".
        force: Replace existing files.
        on_progress: Called after every row with the number of rows that were read, and of all finished rows.

    Raises:
        ConfigurationError: There is no such run or format, a file exists, or the format cannot hold these rows.
        JournalError: The journal cannot be read.
        OutputError: A file cannot be written.
        BrokenPipeError: The reader of a stream closed it.
    """
    found, source, fraction = export_format(to), open_source(run), check_split(split)
    options = RecordOptions(context=context, reasoning=reasoning)
    check_options(found, source.spec, options)
    check_license(license, found)
    target = find_target(output, source, found, is_split=fraction > 0)
    if isinstance(target, Path):
        paths = _files(found, target, source.name, SPLITS if fraction else (TRAIN,))
        _check_files(found, target, source, paths, force=force)
        rows, skipped = _write_rows(found, source, options, paths, fraction, on_progress=on_progress)
        kept = _filled_splits(rows) if found.is_folder else rows
        files = [*(paths[split] for split in kept), *_write_others(found, target, source, kept, license)]
    else:
        rows, skipped = _write_rows(found, source, options, {TRAIN: target}, fraction, on_progress=on_progress)
        files = []
    return ExportReport(
        format=found.name,
        files=tuple(files),
        rows=rows,
        rows_planned=source.rows_planned,
        skipped=skipped,
        notes=tuple(_notes(found, rows, license)),
    )


def _files(found: ExportFormat, target: Path, name: str, splits: tuple[str, ...]) -> dict[str, Path]:
    """Return the files for rows by split."""
    if found.name == "llama-factory":
        return llama_factory.file_paths(target, name, splits)
    if found.is_folder:
        return {split: target / "data" / f"{split}.parquet" for split in splits}
    return {split: split_path(target, split) for split in splits} if len(splits) > 1 else {TRAIN: target}


def _find_old_splits(found: ExportFormat, target: Path, name: str, splits: Iterable[str]) -> list[Path]:
    """Return the files in a folder of splits that this export does not have."""
    if not found.is_folder:
        return []
    files = _files(found, target, name, SPLITS)
    return [path for split, path in files.items() if split not in splits and path.exists()]


def _filled_splits(rows: Mapping[str, int]) -> dict[str, int]:
    """Return the splits with rows: `load_dataset` and LLaMA-Factory reject folders with an empty one."""
    return {split: count for split, count in rows.items() if count} or {TRAIN: 0}


def _check_files(
    found: ExportFormat, target: Path, source: ExportSource, files: Mapping[str, Path], *, force: bool
) -> None:
    if found.is_folder and target.exists() and not target.is_dir():
        raise ConfigurationError(
            f"The output {str(target)!r} is a file, and the format {found.name} is a folder.",
            hint="Choose another output.",
        )
    card = [target / CARD] if found.name == "huggingface" else []
    check_outputs([*files.values(), *card, *_find_old_splits(found, target, source.name, files)], source, force=force)
    if found.name == "llama-factory":
        names = [llama_factory.dataset_name(source.name, split) for split in files]
        llama_factory.check_registry(target, names, force=force)


def _write_rows(
    found: ExportFormat,
    source: ExportSource,
    options: RecordOptions,
    files: Mapping[str, Target],
    fraction: float,
    *,
    on_progress: OnRow | None,
) -> tuple[dict[str, int], dict[str, int]]:
    """Write all rows, and return the number of rows by split and the number of skipped ones by reason."""
    to_records = records_of(found, source.spec, options)
    counts, skipped = Counter(dict.fromkeys(files, 0)), Counter[str]()
    with open_writers(files, partial(_build_writer, found, source, options)) as writers:
        rows = source.stored_rows() if found.name == "jsonl" else source.rows()
        for number, row in enumerate(rows, start=1):
            split = split_of(row.id, fraction)
            written = 0
            for record in to_records(row):
                writers[split].write(record)
                written += 1
            if written:
                counts[split] += 1
            else:
                skipped[found.skip_reason] += 1
            if on_progress is not None:
                on_progress(number, max(number, source.totals.rows))
    return dict(counts), dict(skipped)


def _build_writer(found: ExportFormat, source: ExportSource, options: RecordOptions, file: BinaryIO) -> Writer:
    if found.suffix == ".csv":
        return CSVWriter(file, columns_of(found, source.spec, options))
    if found.name in ("parquet", "huggingface"):
        return ParquetWriter(file, columns_of(found, source.spec, options))
    return LinesWriter(file)


def _write_others(
    found: ExportFormat, target: Path, source: ExportSource, rows: Mapping[str, int], license_name: str | None
) -> list[Path]:
    """Write the files beside those with rows, remove those of other splits, and return the paths."""
    for path in _find_old_splits(found, target, source.name, rows):  # they are empty, or their rows are in other files
        path.unlink()
    if found.name == "llama-factory":
        llama_factory.register_files(target, source.name, tuple(rows))
        return [target / llama_factory.REGISTRY]
    if found.name == "huggingface":
        write_card(target, source, rows, license_name)
        return [target / CARD]
    return []


def _notes(found: ExportFormat, rows: Mapping[str, int], license_name: str | None) -> list[str]:
    notes = [f"The split {split} has no row." for split, count in rows.items() if not count and len(rows) > 1]
    if not any(rows.values()):
        notes = ["No row was exported."]
    if found.name == "openai" and rows[TRAIN] < OPENAI_MINIMUM:
        notes.append(f"OpenAI needs at least {OPENAI_MINIMUM} examples for fine-tuning.")
    if found.name == "huggingface" and license_name is None:
        notes.append("The card states no licence. Set one with license (--license) before you publish the dataset.")
    return notes
