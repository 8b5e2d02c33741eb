"""Planning a run: from a specification to cells, before any model is called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from budwood import Client, check_schema
from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood.types import ModelDetails, SourcePassage
from budwood_generation.cells import PlannedCells, make_digest
from budwood_generation.documents import Document, count_skipped_files, find_files, read_document, split_document
from budwood_generation.documents.index import ListedPassages
from budwood_generation.estimates import Estimate, estimate_run
from budwood_generation.identity import identify
from budwood_generation.journal import Header, Stage
from budwood_generation.plugins import RunPlugins, build_plugins
from budwood_generation.spec import (
    ConversationSpec,
    Documents,
    GenerationSpec,
    ModelOptions,
    RowSpec,
    SpecSource,
    to_spec,
)

_PLAN_VERSION: Final = 3
"""Incremented when the same specification leads to other cells or other requests than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    The plan of a run.

    Attributes:
        spec: The specification.
        plugins: The plugins of the run.
        cells: One for each row, in the order of the rows.
        digests: The SHA-256 of each document, by name.
        stages: The rows that are planned together; one, unless rows or documents were added to a run.
        passages: Number of passages in the documents.
        without_passages: Names of documents without a passage.
        skipped_files: Number of files that match the document patterns but cannot be read, by suffix.
        estimate: Estimated calls, tokens and cost.
    """

    spec: GenerationSpec
    plugins: RunPlugins
    cells: PlannedCells
    digests: Mapping[str, str]
    stages: tuple[Stage, ...]
    passages: int
    without_passages: tuple[str, ...]
    skipped_files: Mapping[str, int]
    estimate: Estimate

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.digests)

    @property
    def turns(self) -> int:
        """Number of turns, each a question and an answer."""
        return sum(cell.turns for cell in self.cells)

    @property
    def calls(self) -> int:
        """Number of calls, without retries."""
        return self.estimate.calls

    @property
    def input_tokens(self) -> int:
        """Estimated tokens that are sent."""
        return self.estimate.input_tokens

    @property
    def output_tokens(self) -> int:
        """Estimated tokens that are received."""
        return self.estimate.output_tokens

    @property
    def cost(self) -> Decimal | None:
        """Estimated US dollars, or None if a price is unknown."""
        return self.estimate.cost

    @property
    def cost_unknown(self) -> str | None:
        """Why the cost is unknown."""
        return self.estimate.cost_unknown

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are called, each once."""
        return models_of(self.spec)

    @property
    def output(self) -> Path:
        """The output file."""
        return self.spec.output_path

    @property
    def run_folder(self) -> Path:
        """The folder of the journal."""
        return self.spec.run_folder

    def header(self) -> Header:
        """Return the header of the run's journal."""
        saved = self.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        return Header(
            spec=saved,
            root=_relative(self.spec.root, self.run_folder),
            identity=identify(self.spec, self.plugins, _PLAN_VERSION),
            models=self.models,
        )


def make_plan(spec: SpecSource, *, settings: Settings | Mapping[str, Any] | None = None) -> Plan:
    """
    Plan a run: read the documents, draft the cells, count the calls. Nothing is sent, and no file is written.

    Errors that would stop every call are found here: models without a provider or a key, invalid options.

    Args:
        spec: The specification, a dictionary in the form of its file, or the path of the file.
        settings: As for `budwood.Client`.

    Raises:
        ConfigurationError: The specification or a document is not valid.
        PluginError: A plugin cannot be used.
    """
    spec = to_spec(spec)
    if spec.row is not None:
        _check_schema(spec.row)
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    plugins = build_plugins(spec, settings)
    models = _check_models(spec.job, settings)
    documents = _read_documents(spec.documents, spec.root) if spec.documents else []
    passages = {document.name: _passages(document, spec.documents) for document in documents}
    all_passages = ListedPassages([passage for found in passages.values() for passage in found])
    cells = PlannedCells(spec, plugins, all_passages)
    digests = {document.name: document.digest for document in documents}
    stage = Stage(
        first=0,
        rows=len(cells),
        documents=digests,
        passages=tuple(map(len, passages.values())),
        turns=sum(cell.turns for cell in cells),
        digest=make_digest([cells[0].id, cells[len(cells) - 1].id]),
    )
    return Plan(
        spec=spec,
        plugins=plugins,
        cells=cells,
        digests=digests,
        stages=(stage,),
        passages=len(all_passages),
        without_passages=tuple(name for name, found in passages.items() if not found),
        skipped_files=count_skipped_files(spec.documents.paths, spec.root) if spec.documents else {},
        estimate=estimate_run(spec, plugins, cells, models),
    )


def models_of(spec: GenerationSpec) -> tuple[str, ...]:
    """Return the models that a run calls, each once."""
    job = spec.job
    names = (job.model,) if isinstance(job, RowSpec) else (job.asker or job.answerer, job.answerer)
    return tuple(dict.fromkeys(names))


def _check_models(job: ConversationSpec | RowSpec, settings: Settings) -> dict[str, ModelDetails]:
    """Check that all models can be called, and return their details."""
    models = (
        {"row.model": (job.model, job.options)}
        if isinstance(job, RowSpec)
        else {
            "conversation.asker": (job.asker or job.answerer, job.asker_options),
            "conversation.answerer": (job.answerer, job.answerer_options),
        }
    )
    with Client(settings=settings, cache=False) as client:
        for where, (model, options) in models.items():
            _check_model(client, where, model, options)
        return {model: client.model(model) for model, _ in models.values()}


def _check_model(client: Client, where: str, model: str, options: ModelOptions) -> None:
    try:
        client.check(**{"model": model, **options.parameters()})
    except ConfigurationError as error:
        raise type(error)(f"{where}: {error.message}", hint=error.hint) from error


def _read_documents(documents: Documents, root: Path) -> list[Document]:
    return [read_document(path, folder) for path, folder in find_files(documents.paths, root)]


def _passages(document: Document, documents: Documents | None) -> list[SourcePassage]:
    return split_document(document, target_chars=documents.passage_chars) if documents else []


def _check_schema(job: RowSpec) -> None:
    try:
        check_schema(job.json_schema)
    except ConfigurationError as error:
        raise ConfigurationError(f"row.schema: {error.message}", hint=error.hint) from error


def _relative(folder: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(folder.resolve(), start.resolve())).as_posix()
    except ValueError:  # on Windows, from one drive to another
        return folder.absolute().as_posix()
