"""The registry of datasets of LLaMA-Factory, dataset_info.json in its folder of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from budwood.errors import ConfigurationError
from budwood.providing import write_file_atomically
from budwood_generation.exports.outputs import SPLITS, TRAIN

REGISTRY: Final = "dataset_info.json"


def file_paths(folder: Path, name: str, splits: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of a dataset by split."""
    return {split: folder / f"{dataset_name(name, split)}.jsonl" for split in splits}


def dataset_name(name: str, split: str) -> str:
    """Return the name for ``dataset`` or ``eval_dataset`` of a training: the validation has a suffix."""
    return name if split == TRAIN else f"{name}_{split}"


def check_registry(folder: Path, names: list[str], *, force: bool) -> None:
    """
    Check that datasets can be registered. Entries of other datasets stay.

    Raises:
        ConfigurationError: An entry exists and ``force`` is not set, or the file is not a registry.
    """
    taken = [name for name in names if name in _read(folder / REGISTRY)]
    if taken and not force:
        raise ConfigurationError(
            f"The file {str(folder / REGISTRY)!r} has an entry for {', '.join(taken)}.",
            hint="Choose another folder, or replace the entry with force=True (--force on the command line).",
        )


def register_files(folder: Path, name: str, splits: tuple[str, ...]) -> None:
    """
    Add the files of a dataset to the registry, and remove the entries of its other splits.

    Source: the description of dataset_info.json in data/README.md of LLaMA-Factory.
    """
    path = folder / REGISTRY
    entries = {dataset_name(name, split): _entry(file) for split, file in file_paths(folder, name, splits).items()}
    others = {dataset_name(name, split) for split in SPLITS} - entries.keys()
    known = {key: value for key, value in _read(path).items() if key not in others}
    text = json.dumps(known | entries, ensure_ascii=False, indent=2)
    write_file_atomically(path, f"{text}\n")


def _entry(file: Path) -> dict[str, Any]:
    columns = {"messages": "conversations", "system": "system"}
    return {"file_name": file.name, "formatting": "sharegpt", "columns": columns}


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The file {str(path)!r} cannot be read: {error}.", hint="Correct it, or choose another folder."
        ) from error
    if not isinstance(found, dict):
        raise ConfigurationError(
            f"The file {str(path)!r} is not a registry of datasets.", hint="Choose another folder."
        )
    return found
