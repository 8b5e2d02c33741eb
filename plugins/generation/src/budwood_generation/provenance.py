"""Where rows come from: a field of each row, or a file next to the output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic_core import to_json

from budwood.providing import replace_file
from budwood.types import Row
from budwood.types.record import JSON
from budwood_generation.identity import FREE_OPTIONS
from budwood_generation.journal import CallDone
from budwood_generation.outputs import SUFFIX
from budwood_generation.spec import ConversationSpec, GenerationSpec, ModelOptions

SIDECAR: Final = ".provenance.jsonl"
"""The end of the name of the file with the provenance of all rows."""


def sidecar_path(run_folder: Path) -> Path:
    """Return the file next to the output with the provenance of its rows."""
    return run_folder.with_name(run_folder.name.removesuffix(SUFFIX) + SIDECAR)


class Provenance:
    """
    Adds the provenance to rows of a journal, or writes it to a file.

    Args:
        spec: The specification, whose key ``provenance`` says where it belongs.
        calls: Returns all calls of a row.
    """

    def __init__(self, spec: GenerationSpec, calls: Callable[[int], Sequence[CallDone]]) -> None:
        self._mode = spec.provenance
        self._calls = calls
        self._parameters: dict[str, JSON] = {role: options for role, options in _parameters(spec) if options}
        self._path = sidecar_path(spec.run_folder)

    @property
    def sidecar(self) -> Path | None:
        """The file next to the output, or next to the run folder of a URL; None if there is none."""
        return self._path if self._mode == "sidecar" else None

    def complete(self, row: Row) -> Row:
        """
        Return a row of the journal as it is stored. Its models become part of the provenance.

        The field ``provenance`` has only what does not depend on time, retries or machines: the same run gives the same
        rows.
        """
        data = {name: value for name, value in row.data.items() if name != "models"}
        if self._mode != "row":
            return replace(row, data=data)
        prompts: dict[str, list[JSON]] = {}
        for call in self._calls(row.index):
            if call.rejected is None:
                prompts.setdefault(call.purpose, []).append(call.digest)
        fields: dict[str, JSON] = {"cell": row.id, "models": row.data["models"], "parameters": self._parameters}
        return replace(row, data={**data, "provenance": {**fields, "prompts": dict(prompts)}})

    def write_sidecar(self, rows: Iterable[Row]) -> None:
        """
        Write the file, if there is one: a line for each row, with all calls, their use of tokens, costs and times.

        Args:
            rows: All rows of the journal.

        Raises:
            OSError: It cannot be written. The old file is unchanged.
        """
        if self.sidecar is None:
            return
        part = self.sidecar.with_name(f".{self.sidecar.name}.part")
        with replace_file(self.sidecar, part), part.open("wb") as file:
            file.writelines(map(self._format, rows))

    def _format(self, row: Row) -> bytes:
        calls: list[JSON] = [_describe_call(call) for call in self._calls(row.index)]
        fields: dict[str, JSON] = {"models": row.data["models"], "parameters": self._parameters, "calls": calls}
        return to_json({"id": row.id, "index": row.index, **fields}) + b"\n"


def _parameters(spec: GenerationSpec) -> Iterator[tuple[str, dict[str, JSON]]]:
    job = spec.job
    if isinstance(job, ConversationSpec):
        yield "asker", _options(job.asker_options)
        yield "answerer", _options(job.answerer_options)
    else:
        yield "model", _options(job.options)


def _options(options: ModelOptions) -> dict[str, JSON]:
    """Return the parameters that do not change when a run is resumed."""
    values = options.parameters()
    return {name: _plain(value) for name, value in values.items() if name not in FREE_OPTIONS}


def _plain(value: object) -> JSON:
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value] # validated by Pydantic


def _describe_call(call: CallDone) -> dict[str, JSON]:
    return {
        "purpose": call.purpose,
        "turn": call.turn,
        "attempt": call.attempt,
        "model": call.model,
        "prompt": call.digest,
        "rejected": call.rejected,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cost": None if call.cost is None else float(call.cost),
        "started": call.started,
        "seconds": call.seconds,
    }
