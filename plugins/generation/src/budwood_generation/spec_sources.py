"""Specifications from files, dictionaries and journals, and specifications of pilots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from budwood.errors import ConfigurationError
from budwood.settings_sources import parse_toml, read_text
from budwood_generation.files import check_path, insert_files, read_values_of
from budwood_generation.outputs import dataset_name, is_url
from budwood_generation.spec import Choice, GenerationSpec
from budwood_generation.spec_errors import spec_error

SpecSource = GenerationSpec | Mapping[str, Any] | str | Path
"""A specification, a dictionary in the form of its file, or the path of the file."""

_PLUGINS: Final = ("strategy", "storage")
"""Keys whose value is the name of a plugin, or a table with its settings."""


def load_spec(path: str | Path, changes: Mapping[str, Any] | None = None) -> GenerationSpec:
    """
    Read a specification from a TOML file.

    In the settings of a strategy or a modifier, ``{ file = "seeds.txt" }`` is replaced by the lines of the file, and
    ``{ file = "seeds.csv" }`` by its records. If ``schema`` is a text, it is the name of a JSON file.

    Args:
        path: The file.
        changes: Values that replace those of the file, by key with dots, such as ``conversation.turns``.

    Raises:
        ConfigurationError: The file cannot be read, has an unknown key, or a value that is not valid.
    """
    path = check_path(path)
    text = read_text(path)
    if text is None:
        raise ConfigurationError(
            f"The specification {str(path)!r} cannot be read: No such file or directory.",
            hint="Give the path of a TOML file.",
        )
    table = parse_toml(text, where=f"The specification {str(path)!r}")
    for key, value in (changes or {}).items():
        _set_value(table, key, value)
    root = path.absolute().parent
    return make_spec(insert_files(table, root, where=path.name), root, where=path.name, file=path)


def _set_value(table: dict[str, Any], key: str, value: object) -> None:
    """
    Set a value of nested tables. The name of a plugin becomes a table if one of its settings is set.

    Raises:
        ConfigurationError: The key leads through a value that is no table.
    """
    *names, last = key.split(".")
    for number, name in enumerate(names, start=1):
        inner = table.setdefault(name, {})
        if isinstance(inner, str) and name in _PLUGINS:
            inner = table[name] = {"plugin": inner}
        if not isinstance(inner, dict):
            prefix = ".".join(names[:number])
            raise ConfigurationError(
                f"Cannot set {key}: {prefix} is not a table.", hint=f"Set {prefix} as a whole, as an inline table."
            )
        table = inner
    table[last] = value


def to_spec(source: SpecSource) -> GenerationSpec:
    """
    Return a specification as it is, or make one from a dictionary, or read one from a file.

    Args:
        source: A dictionary has the form of the file. Its paths are relative to its key ``root``, by default the
            current folder.

    Raises:
        ConfigurationError: It cannot be read, has an unknown key, or a value that is not valid.
    """
    if isinstance(source, GenerationSpec):
        return source
    if not isinstance(source, Mapping):
        return load_spec(source)
    root = check_path(source.get("root", Path.cwd())).absolute()
    table = {key: value for key, value in source.items() if key != "root"}
    return make_spec(insert_files(table, root, where="specification"), root)


def with_pilot(spec: GenerationSpec, rows: int) -> GenerationSpec:
    """
    Return the specification of a pilot: the first rows of the dataset, as a file of JSON lines of their own.

    The file ``NAME.pilot.jsonl`` is next to the output, or in ``root`` if that is a URL. The rows are equal to the
    first rows of the dataset.

    Raises:
        ConfigurationError: The number of rows is not valid.
    """
    if not 1 <= rows <= spec.rows:
        raise ConfigurationError(f"A pilot has from 1 to {spec.rows} rows, those of the dataset; got {rows}.")
    name = f"{dataset_name(spec.output)}.pilot.jsonl"
    output = name if is_url(spec.output) else str(Path(spec.output).with_name(name))
    return spec.model_copy(update={"pilot": rows, "output": output, "storage": None})


def with_files(spec: GenerationSpec) -> GenerationSpec:
    """
    Read the files that the settings of plugins still name: a saved specification has their names only.

    Raises:
        ConfigurationError: A file cannot be read.
    """

    def read(choice: Choice) -> Choice:
        values = read_values_of(choice.settings, spec.root, where=spec.origin.name if spec.origin else "specification")
        return choice.model_copy(update=values) if values else choice

    job = spec.job
    modifiers = tuple(map(read, job.modifiers)) if job.modifiers is not None else None
    job = job.model_copy(update={"strategy": read(job.strategy), "modifiers": modifiers})
    return spec.model_copy(update={"conversation" if spec.conversation else "row": job})


def make_spec(
    table: Mapping[str, Any], root: Path, *, where: str = "specification", file: Path | None = None
) -> GenerationSpec:
    """
    Create a specification from a table that was read from a file or a journal.

    Args:
        table: The specification, with the content of files; see `budwood_generation.files.insert_files`.
        root: The folder that paths are relative to.
        where: The name of the specification, for errors.
        file: The file that the table was read from.

    Raises:
        ConfigurationError: It has an unknown key or a value that is not valid.
    """
    if "root" in table:
        raise ConfigurationError(f"{where}: unknown key 'root'. Paths are relative to the folder of the file.")
    if "origin" in table:
        raise ConfigurationError(f"{where}: unknown key 'origin'.")
    try:
        return GenerationSpec.model_validate({**table, "root": root, "origin": file})
    except ValidationError as error:
        problem = spec_error(GenerationSpec, error, where=where, file=file)
    raise problem  # not above: the error of Pydantic contains the values
