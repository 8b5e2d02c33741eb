"""Planning a run: from a specification to cells, before any model is called."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from budwood import Client, check_schema
from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood.types import ModelDetails
from budwood.types.record import JSON
from budwood_generation.cells import PlannedCells
from budwood_generation.clients import ModelClient
from budwood_generation.documents import (
    Corpus,
    DocumentIndex,
    Splitter,
    UnreadableDocument,
    count_skipped_files,
    read_corpus,
)
from budwood_generation.estimates import Estimate, build_requests, estimate_run
from budwood_generation.identity import identify
from budwood_generation.journal import JOURNAL, Header, Stage, read_run_file
from budwood_generation.lanes import choose_lane, with_batch_prices
from budwood_generation.outputs import is_url
from budwood_generation.placeholders import check_placeholders
from budwood_generation.plugins import RunPlugins, build_plugins
from budwood_generation.shares import Shares, count_shares, describe_parallel_limit, list_warnings
from budwood_generation.spec import (
    ConversationSpec,
    GenerationSpec,
    ModelOptions,
    RowSpec,
)
from budwood_generation.spec_sources import SpecSource, to_spec, with_files
from budwood_generation.stages import extend_stages, find_earlier_stages, find_run_of_plan, make_segments

_PLAN_VERSION: Final = 3
"""Incremented when the same specification leads to other cells or other requests than before."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    The plan of a run.

    Attributes:
        spec: The specification.
        plugins: The plugins of the run.
        cells: One for each row, in the order of the rows.
        index: The passages of the documents.
        identity: What determines the prompts, by key of the specification.
        stages: The rows that are planned together; one, unless rows or documents were added to a run.
        without_passages: Names of documents without a passage.
        unreadable: Documents, or lines of them, that are skipped because they cannot be read.
        unused_exclusions: The patterns in ``documents.exclude`` that match nothing.
        skipped_files: Number of files that match the document patterns but cannot be read, by suffix.
        details: Details of the models that are called, by name.
        lane: How the calls are sent: ``"live"`` or ``"batch"``. Prices in ``details`` are those of the lane.
        only: The name of an error: only rows that failed with it are created; None for all rows.
    """

    spec: GenerationSpec
    plugins: RunPlugins
    cells: PlannedCells
    index: DocumentIndex
    identity: dict[str, JSON]
    stages: tuple[Stage, ...]
    without_passages: tuple[str, ...]
    unreadable: tuple[UnreadableDocument, ...]
    unused_exclusions: tuple[str, ...]
    skipped_files: Mapping[str, int]
    details: Mapping[str, ModelDetails]
    lane: Literal["live", "batch"] = "live"
    only: str | None = None

    @cached_property
    def estimate(self) -> Estimate:
        """Estimated calls, tokens and cost. It is computed at first use, and needs up to a second."""
        return estimate_run(self.spec, self.plugins, self.cells, self.details)

    @cached_property
    def shares(self) -> Shares:
        """How many rows share a passage or a prompt. It is computed at first use."""
        return count_shares(self.spec, self.plugins, self.cells, self.passages)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is possible, but probably not intended; each with what to do."""
        notes = (*self.notes_on_output, *self.notes_on_speed, *self.notes_on_exclusions, *self.notes_on_documents)
        return (*list_warnings(self.plugins, self.shares), *notes)

    @cached_property
    def notes_on_output(self) -> tuple[str, ...]:
        """
        A note if the run is new, but calls of this plan were paid.

        Its journal is missing, or a run with another output has finished some of them. It is searched once.
        """
        if not (self.run_folder / JOURNAL).exists() and read_run_file(self.run_folder) is not None:
            text = f"The journal of {self.run_folder.name} is missing, so that the run starts again."
            return (f"{text} To keep the calls that were paid, stop, and restore {JOURNAL} in this folder.",)
        digests = self.stages[-1].documents
        found = find_run_of_plan(self.run_folder, self.identity, len(self.cells), digests)
        if found is None:
            return ()
        text = f"{found.name} has finished calls of the same plan. This run has another output, and sends them again."
        return (f"{text} To use them instead, rename that folder to {self.run_folder.name} before the run.",)

    @property
    def notes_on_speed(self) -> tuple[str, ...]:
        """A note if fewer calls can run at a time than `concurrency` permits."""
        return describe_parallel_limit(self.spec, self.cells)

    @property
    def notes_on_exclusions(self) -> tuple[str, ...]:
        """Notes about patterns in ``documents.exclude`` without effect."""
        return tuple(
            f"documents.exclude: {pattern!r} matches nothing. Patterns are relative to the specification's folder, and "
            "match in any folder if they start with **/."
            for pattern in self.unused_exclusions[:3]
        )

    @property
    def notes_on_documents(self) -> tuple[str, ...]:
        """A note if documents were added to a run without rows."""
        names = self.unused_documents
        if not names:
            return ()
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        return (f"No row uses the added documents {', '.join(names[:3])}{more}. Raise rows to use them.",)

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.digests)

    @property
    def digests(self) -> Mapping[str, str]:
        """The SHA-256 of each document, by name, in the order of the passages."""
        return self.index.documents

    @property
    def passages(self) -> int:
        """Number of passages in the documents."""
        return len(self.index)

    @property
    def turns(self) -> int:
        """Number of turns, each a question and an answer; estimated if there are many rows."""
        return sum(stage.turns for stage in self.stages)

    @property
    def unused_documents(self) -> tuple[str, ...]:
        """Names of documents that were added to a run without rows, so that no row uses them."""
        return tuple(name for name in self.digests if name not in self.stages[-1].documents)

    @property
    def calls(self) -> int:
        """Expected number of calls, without retries."""
        return round(self.estimate.calls.expected)

    @property
    def input_tokens(self) -> int:
        """Estimated tokens that are sent."""
        return round(self.estimate.input_tokens.expected)

    @property
    def output_tokens(self) -> int:
        """Estimated tokens that are received."""
        return round(self.estimate.output_tokens.expected)

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
    def output(self) -> Path | str:
        """The output file, or the URL without credentials."""
        return self.spec.shown_output

    @property
    def run_folder(self) -> Path:
        """The folder of the journal."""
        return self.spec.run_folder

    def header(self) -> Header:
        """Return the header of the run's journal."""
        saved = self.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        shown = self.spec.shown_output  # relative, so that resuming, which knows its place, does not change it
        saved["output"] = shown if isinstance(shown, str) else _relative(shown.parent, self.spec.root, shown.name)
        return Header(
            spec=saved,
            root=_relative(self.spec.root, self.run_folder),
            identity=self.identity,
            models=self.models,
        )


def make_plan(
    spec: SpecSource, *, settings: Settings | Mapping[str, Any] | None = None, client: ModelClient | None = None
) -> Plan:
    """
    Plan a run: read the documents, draft the cells, count the calls. Nothing is sent.

    No file is written but the user's cache of documents. Errors that would stop every call are found here: models
    without a provider or a key, invalid options.

    Args:
        spec: The specification, a dictionary in the form of its file, or the path of the file.
        settings: As for `budwood.Client`.
        client: Knows the models; by default a client with the settings.

    Raises:
        ConfigurationError: The specification or a document is not valid.
        PluginError: A plugin cannot be used.
    """
    spec = with_files(to_spec(spec))
    if spec.row is not None:
        _check_schema(spec.row)
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    plugins = build_plugins(spec, settings)
    models = _check_models(spec.job, settings, client)
    lane = choose_lane(spec.job.lane, models.values())
    if lane == "batch":
        models = with_batch_prices(models)
    corpus = _read_corpus(spec)
    identity = identify(spec, plugins, _PLAN_VERSION)
    earlier = find_earlier_stages(spec.run_folder, identity, spec.rows_to_create, corpus.documents)
    index = corpus.open_index(earlier[-1].documents if earlier else None)
    stages = extend_stages(earlier, spec.rows_to_create, index.documents, index.counts)
    cells = PlannedCells(spec, plugins, index, make_segments(_planned_stages(spec, stages)))
    check_placeholders(plugins.templates, cells[0].material, spec.origin)
    build_requests(spec, plugins, cells[0])
    return Plan(
        spec=spec,
        plugins=plugins,
        cells=cells,
        index=index,
        identity=identity,
        stages=cells.complete_stages(stages),
        without_passages=index.without_passages,
        unreadable=corpus.unreadable,
        unused_exclusions=tuple(
            pattern for pattern in corpus.unused_exclusions if spec.documents and pattern in spec.documents.exclude
        ),
        skipped_files=_count_skipped_files(spec),
        details=models,
        lane=lane,
    )


def _planned_stages(spec: GenerationSpec, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return the stages whose cells are planned: for a pilot those of the dataset, of which it has the first rows."""
    if spec.pilot is None:
        return stages
    merged: list[Stage] = []
    for stage in stages:
        if merged and merged[-1].documents == stage.documents:
            merged[-1] = replace(merged[-1], rows=stage.end - merged[-1].first)
        else:
            merged.append(stage)
    return (*merged[:-1], replace(merged[-1], rows=spec.rows - merged[-1].first))


def models_of(spec: GenerationSpec) -> tuple[str, ...]:
    """Return the models that a run calls, each once."""
    job = spec.job
    names = (job.model,) if isinstance(job, RowSpec) else (job.asker or job.answerer, job.answerer)
    return tuple(dict.fromkeys(names))


def _check_models(
    job: ConversationSpec | RowSpec, settings: Settings, given: ModelClient | None
) -> dict[str, ModelDetails]:
    """Check that all models can be called, and return their details."""
    models = (
        {"row.model": (job.model, job.options)}
        if isinstance(job, RowSpec)
        else {
            "conversation.answerer": (job.answerer, job.answerer_options),
            "conversation.asker": (job.asker or job.answerer, job.asker_options),
        }
    )
    with nullcontext(given) if given is not None else Client(settings=settings, cache=False) as client:
        for where, (model, options) in models.items():
            _check_model(client, where, model, options)
        return {model: client.model(model) for model, _ in models.values()}


def _check_model(client: ModelClient | Client, where: str, model: str, options: ModelOptions) -> None:
    try:
        client.check(**{"model": model, **options.parameters()})
    except ConfigurationError as error:
        message = error.message.removeprefix("options: ")
        name = re.match(r"'?(\w+)'?: ", message)
        if name and name[1] in ModelOptions.model_fields:
            where = "row.options" if where == "row.model" else f"{where}_options"
        raise type(error)(f"{where}: {message}", hint=error.hint) from error


def _read_corpus(spec: GenerationSpec) -> Corpus:
    documents = spec.documents
    if documents is None:
        return read_corpus((), spec.root)
    return read_corpus(
        documents.paths,
        spec.root,
        exclude=_exclude(spec),
        strict=documents.strict,
        splitter=Splitter(documents.passage_chars, documents.code),
    )


def _count_skipped_files(spec: GenerationSpec) -> dict[str, int]:
    documents = spec.documents
    return count_skipped_files(documents.paths, spec.root, exclude=_exclude(spec)) if documents else {}


def _exclude(spec: GenerationSpec) -> list[str]:
    """Return the patterns of files that are not documents: also the output, which does not exist at first."""
    assert spec.documents is not None  # noqa: S101 - checked by the callers
    written = [spec.run_folder] if is_url(spec.output) else [Path(spec.location), spec.run_folder]
    return [*spec.documents.exclude, *(glob.escape(str(path)) for path in written)]


def _check_schema(job: RowSpec) -> None:
    try:
        check_schema(job.json_schema)
    except ConfigurationError as error:
        raise ConfigurationError(f"row.schema: {error.message}", hint=error.hint) from error


def _relative(folder: Path, start: Path, name: str = "") -> str:
    try:
        return (Path(os.path.relpath(folder.resolve(), start.resolve())) / name).as_posix()
    except ValueError:  # on Windows, from one drive to another
        return (folder.absolute() / name).as_posix()
