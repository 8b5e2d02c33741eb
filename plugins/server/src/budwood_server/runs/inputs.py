"""
What a specification reads, as copies in the folder of its run.

A run reads these copies alone, also when it is resumed: what happens to the files later makes no difference.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood_server.runs.document_folder import Copies, DocumentFolder, has_wildcard, refuse
from budwood_server.runs.specifications import MAX_PATHS, check_relative, list_plugins

if TYPE_CHECKING:
    from budwood_generation.documents.exclusion import Exclusion
    from budwood_server.runs.work_limits import WorkLimit
    from budwood_server.settings import RunSettings

PREFIX: Final = "doc_"
"""What ids of uploaded documents begin with."""

_EXCLUSIONS_OF_ENTRY: Final = 10
"""The number of patterns in ``documents.exclude`` that take as long for an entry as it takes to find it."""

Uploads = Mapping[str, tuple[str, Path]]
"""The uploaded documents of an owner, by their ids: the name and the file with the content of each."""


def list_document_ids(table: Mapping[str, Any]) -> set[str]:
    """Return the ids of uploaded documents that a specification names."""
    return {path for _, path in _list_places(table) if isinstance(path, str) and path.startswith(PREFIX)}


def copy_inputs(
    table: Mapping[str, Any], target: Path, settings: RunSettings, uploads: Uploads, work: WorkLimit
) -> tuple[dict[str, Any], Sequence[str]]:
    """
    Copy the files that a specification names into a folder.

    Args:
        table: The specification, after `check_specification`.
        target: The folder, which must exist.
        settings: Say where documents are, and how large they may be together.
        uploads: The uploaded documents that it names; others do not exist.
        work: Counts what the patterns look at, and ends the copying when the request is cancelled.

    Returns:
        The specification with names of the copies, and the symbolic links that its patterns match: they are skipped.

    Raises:
        ProblemError: 400; the message names the field.
    """
    copies = Copies(target, settings.max_documents, work)
    with contextlib.ExitStack() as stack:
        inputs = _Inputs(copies, _open_folder(stack, settings), uploads, work)
        changed: dict[str, Any] = _deep_copy(table)
        if documents := changed.get("documents"):
            _copy_documents(inputs, documents)
        for key in ("conversation", "row"):
            if job := changed.get(key):
                _copy_values(inputs, job, key)
    return changed, [*inputs.skipped]


class _Excluded(NamedTuple):
    """
    What no document is.

    Attributes:
        paths: Contains the paths.
        cost: How many entries of folders take as long as the comparison of one path.
    """

    paths: Exclusion
    cost: int


class _Inputs:
    """
    Copies files by their paths or ids.

    Attributes:
        skipped: The symbolic links that patterns matched, in this order.
    """

    def __init__(self, copies: Copies, folder: DocumentFolder | None, uploads: Uploads, work: WorkLimit) -> None:
        self._copies = copies
        self._folder = folder
        self._uploads = uploads
        self._work = work
        self._names: dict[str, str] = {}
        self.skipped: dict[str, None] = {}

    def copy(self, value: object, field: str) -> str:
        """Copy one file, and return the name of the copy."""
        if isinstance(value, str) and value.startswith(PREFIX):
            return self._copy_upload(value, field)
        parts = check_relative(value, field)
        with self._get_folder(field).open(parts, field) as source:
            return self._add(source, parts, field)

    def copy_matching(self, pattern: str, parts: tuple[str, ...], exclusion: _Excluded, field: str) -> None:
        """Copy all documents that match a pattern, except for those that are excluded."""
        from budwood_generation.documents.formats import find_suffix

        folder = self._get_folder(field)
        found = False
        for path in folder.find(parts, field, self._work):
            self._work.spend(exclusion.cost, field)
            if Path(*path) in exclusion.paths:
                continue
            kind = folder.find_kind(path)
            if kind == "link":
                self.skipped["/".join(path)] = None
            elif kind == "file" and find_suffix(path[-1]) is not None:
                with folder.open(path, field) as source:
                    self._add(source, path, field)
                found = True
        if not found:
            raise refuse(field, f"{pattern!r} matches no document", hint="Correct or remove it. Links are skipped.")

    def _copy_upload(self, document_id: str, field: str) -> str:
        if document_id not in self._uploads:
            raise refuse(
                field, f"there is no uploaded document {document_id!r}", hint="GET /api/runs/documents lists them."
            )
        name, path = self._uploads[document_id]
        with _open_upload(path, document_id, field) as source:
            return self._add(source, (name,), field, origin=document_id)

    def _add(self, source: int, parts: tuple[str, ...], field: str, origin: str = "folder") -> str:
        name = "/".join(parts)
        if self._names.setdefault(name, origin) != origin:
            raise refuse(field, f"two documents have the name {name!r}", hint="Upload one under another name.")
        self._copies.add(source, name, field)
        return name

    def _get_folder(self, field: str) -> DocumentFolder:
        if self._folder is None:
            raise refuse(
                field,
                "this server has no folder of documents",
                hint="Upload the file by POST /api/runs/documents, and name its id.",
            )
        return self._folder


def _copy_documents(inputs: _Inputs, documents: dict[str, Any]) -> None:
    from budwood_generation.documents.exclusion import Exclusion

    patterns = _check_list(documents.get("exclude", []), "documents.exclude")
    for number, pattern in enumerate(patterns):
        check_relative(pattern, f"documents.exclude[{number}]")
    exclusion = _Excluded(Exclusion(patterns, Path()), len(patterns) // _EXCLUSIONS_OF_ENTRY)
    paths = _check_list(documents.get("paths"), "documents.paths")
    for number, path in enumerate(paths):
        field = f"documents.paths[{number}]"
        parts = () if isinstance(path, str) and path.startswith(PREFIX) else check_relative(path, field)
        if any(map(has_wildcard, parts)):
            inputs.copy_matching(path, parts, exclusion, field)
        else:
            paths[number] = inputs.copy(path, field)
            if Path(paths[number]) not in exclusion.paths:
                _check_kind(paths[number], field)


def _check_kind(name: str, field: str) -> None:
    from budwood_generation.documents.formats import KINDS, find_suffix

    if find_suffix(name) is None:
        raise refuse(field, f"{name!r} has an unsupported type", hint=f"Supported: {', '.join(sorted(KINDS))}.")


def _copy_values(inputs: _Inputs, job: dict[str, Any], key: str) -> None:
    """Copy the files that stand in place of values: a schema, and settings of plugins such as seeds."""
    if key == "row" and isinstance(schema := job.get("schema"), str):
        job["schema"] = inputs.copy(schema, "row.schema")
    for field, plugin in list_plugins(job, key):
        for name, value in plugin.items():
            if isinstance(value, dict) and "file" in value:
                value["file"] = inputs.copy(value["file"], f"{field}.{name}.file")


def _list_places(table: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the fields of a specification that name a file, and what each has."""
    documents = table.get("documents")
    paths = documents.get("paths") if isinstance(documents, dict) else None
    for number, path in enumerate(paths if isinstance(paths, list) else ()):
        yield f"documents.paths[{number}]", path
    for key in ("conversation", "row"):
        job = table.get(key)
        if not isinstance(job, dict):
            continue
        yield f"{key}.schema", job.get("schema")
        for field, plugin in list_plugins(job, key):
            for name, value in plugin.items():
                if isinstance(value, dict):
                    yield f"{field}.{name}.file", value.get("file")


def _open_folder(stack: contextlib.ExitStack, settings: RunSettings) -> DocumentFolder | None:
    if settings.documents_dir is None:
        return None
    try:
        folder = DocumentFolder(settings.documents_dir)
    except OSError:
        return None  # without its path, which clients need not know
    stack.callback(folder.close)
    return folder


@contextlib.contextmanager
def _open_upload(path: Path, document_id: str, field: str) -> Iterator[int]:
    try:
        source = os.open(path, os.O_RDONLY)
    except OSError:
        raise refuse(field, f"the uploaded document {document_id!r} was removed") from None
    try:
        yield source
    finally:
        os.close(source)


def _check_list(value: object, field: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_PATHS:
        raise refuse(field, f"expected a list of up to {MAX_PATHS} paths")
    return value


def _deep_copy(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _deep_copy(inner) for key, inner in value.items()}
    return [_deep_copy(inner) for inner in value] if isinstance(value, list) else value
