"""From a specification to cells: what will be made, before anything is asked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic_core import to_json

from budwood import Client, check_schema
from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood.types import Cell, CellDraft, ModelDetails, SourcePassage
from budwood.types.record import JSON
from budwood_generation.chance import chance
from budwood_generation.documents import Document, find_files, passages, passed_over, read_document
from budwood_generation.estimates import Estimate, estimate
from budwood_generation.journal import Header
from budwood_generation.plugins import Chosen, choose
from budwood_generation.spec import (
    ConversationSpec,
    Documents,
    GenerationSpec,
    ModelOptions,
    RowSpec,
    SpecSource,
    to_spec,
)

_FORM: Final = 3
"""Raised whenever the same specification makes other cells or asks otherwise than before."""

UNDECISIVE: Final = {"output", "storage", "concurrency"}
"""What decides where rows go and how fast, not what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What a run will do.

    Attributes:
        spec: What it was made from.
        chosen: The plugins that it works with.
        cells: One a row, in the order of the rows.
        digests: The SHA-256 of each document, by name.
        passages: How many passages the documents have.
        without_passages: The names of documents that have none.
        passed_over: How many files the patterns of the documents match that cannot be read, by ending.
        estimate: How many calls that takes, about how many tokens, and about what they cost.
    """

    spec: GenerationSpec
    chosen: Chosen
    cells: tuple[Cell, ...]
    digests: Mapping[str, str]
    passages: int
    without_passages: tuple[str, ...]
    passed_over: Mapping[str, int]
    estimate: Estimate

    @property
    def documents(self) -> int:
        """How many documents are read."""
        return len(self.digests)

    @property
    def turns(self) -> int:
        """How many questions and answers there will be."""
        return sum(cell.turns for cell in self.cells)

    @property
    def calls(self) -> int:
        """How many calls of models that takes, where none has to be repeated."""
        return self.estimate.calls

    @property
    def input_tokens(self) -> int:
        """About how many tokens will be sent."""
        return self.estimate.input_tokens

    @property
    def output_tokens(self) -> int:
        """About how many tokens will come back."""
        return self.estimate.output_tokens

    @property
    def cost(self) -> Decimal | None:
        """About how many US dollars these tokens will cost, or None; then ``cost_unknown`` says why."""
        return self.estimate.cost

    @property
    def cost_unknown(self) -> str | None:
        """Why it is not known what they will cost."""
        return self.estimate.cost_unknown

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are asked, each once."""
        return models_of(self.spec)

    @property
    def output(self) -> Path:
        """Where the rows go."""
        return self.spec.output_path

    @property
    def run_folder(self) -> Path:
        """Where the journal lies."""
        return self.spec.run_folder

    def header(self) -> Header:
        """Describe the run for its journal."""
        saved = self.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        decides = {key: value for key, value in saved.items() if key not in UNDECISIVE}
        identity = [_FORM, decides, self.chosen.identity, dict(self.digests)]
        return Header(
            fingerprint=_digest(identity),
            spec=saved,
            root=_relative(self.spec.root, self.run_folder),
            plugins=self.chosen.identity,
            documents=dict(self.digests),
            models=self.models,
            rows=len(self.cells),
            turns=self.turns,
            calls=self.calls,
        )


def make_plan(spec: SpecSource, *, settings: Settings | Mapping[str, Any] | None = None) -> Plan:
    """
    Plan a run: read the documents, draft the cells, count the calls. Nothing is sent and nothing written.

    What would stop a run half-way is found here: models without a provider or a key, impossible options.

    Args:
        spec: The specification, a dictionary in the form of its file, or the path of the file.
        settings: As for `budwood.Client`.

    Raises:
        ConfigurationError: Something in the specification or the documents is not as it must be.
        PluginError: A plugin that it names cannot be used.
    """
    spec = to_spec(spec)
    if spec.row is not None:
        _check_schema(spec.row)
    known = settings if isinstance(settings, Settings) else Settings.load(settings)
    chosen = choose(spec, known)
    models = _checked_models(spec.job, known)
    documents = _documents(spec.documents, spec.root) if spec.documents else []
    read = {document.name: _passages(document, spec.documents) for document in documents}
    sources = [passage for found in read.values() for passage in found]
    cells = tuple(_cells(spec, chosen, sources))
    return Plan(
        spec=spec,
        chosen=chosen,
        cells=cells,
        digests={document.name: document.digest for document in documents},
        passages=len(sources),
        without_passages=tuple(name for name, found in read.items() if not found),
        passed_over=passed_over(spec.documents.paths, spec.root) if spec.documents else {},
        estimate=estimate(spec, chosen, cells, models),
    )


def models_of(spec: GenerationSpec) -> tuple[str, ...]:
    """List the models that a run asks, each once."""
    job = spec.job
    named = (job.model,) if isinstance(job, RowSpec) else (job.asker or job.answerer, job.answerer)
    return tuple(dict.fromkeys(named))


def _checked_models(job: ConversationSpec | RowSpec, settings: Settings) -> dict[str, ModelDetails]:
    """See that all models can be asked, before anything is paid for; return what is known of each."""
    asked = (
        {"row.model": (job.model, job.options)}
        if isinstance(job, RowSpec)
        else {
            "conversation.asker": (job.asker or job.answerer, job.asker_options),
            "conversation.answerer": (job.answerer, job.answerer_options),
        }
    )
    with Client(settings=settings, cache=False) as client:
        for where, (model, options) in asked.items():
            _check_model(client, where, model, options)
        return {model: client.model(model) for model, _ in asked.values()}


def _check_model(client: Client, where: str, model: str, options: ModelOptions) -> None:
    try:
        client.check(**{"model": model, **options.parameters()})
    except ConfigurationError as error:
        raise type(error)(f"{where}: {error.message}", hint=error.hint) from error


def _documents(named: Documents, root: Path) -> list[Document]:
    return [read_document(path, folder) for path, folder in find_files(named.paths, root)]


def _passages(document: Document, named: Documents | None) -> list[SourcePassage]:
    return passages(document, target_chars=named.passage_chars) if named else []


def _cells(spec: GenerationSpec, chosen: Chosen, sources: Sequence[SourcePassage]) -> Iterable[Cell]:
    drafts = list(chosen.strategy.plan(sources, spec.rows, chance(spec.seed, "plan")))
    if len(drafts) != spec.rows:
        raise ConfigurationError(
            f"The strategy {spec.job.strategy.plugin!r} planned {len(drafts)} rows, not {spec.rows}.",
            hint="Ask for fewer rows, or give it more to work with.",
        )
    return [_cell(spec, chosen, index, draft) for index, draft in enumerate(drafts)]


def _cell(spec: GenerationSpec, chosen: Chosen, index: int, draft: CellDraft) -> Cell:
    turns = _turns(spec, index, draft)
    passage = draft.passage.id if draft.passage else None
    identity = _digest([spec.seed, index, turns, passage, draft.material, chosen.identity])[:32]
    return Cell(id=identity, index=index, turns=turns, passage=draft.passage, material=draft.material)


def _turns(spec: GenerationSpec, index: int, draft: CellDraft) -> int:
    if not isinstance(spec.job, ConversationSpec):
        return 1
    least, most = spec.job.turns
    drawn = chance(spec.seed, "turns", index).randint(least, most)
    return drawn if draft.max_turns is None else min(drawn, max(least, draft.max_turns))


def _check_schema(job: RowSpec) -> None:
    try:
        check_schema(job.json_schema)
    except ConfigurationError as error:
        raise ConfigurationError(f"row.schema: {error.message}", hint=error.hint) from error


def _digest(value: JSON | Mapping[str, Any] | Sequence[Any]) -> str:
    return hashlib.sha256(to_json(_sorted(value))).hexdigest()


def _sorted(value: object) -> object:
    """Bring the keys of tables into one order."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value


def _relative(folder: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(folder.resolve(), start.resolve())).as_posix()
    except ValueError:  # on Windows, from one drive to another
        return folder.absolute().as_posix()
