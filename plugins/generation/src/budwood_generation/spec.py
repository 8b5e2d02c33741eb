"""The specification of a dataset, from a TOML file or from Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PydanticUserError,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from budwood_generation.lanes import Lane
from budwood_generation.outputs import is_url, locate_output, parse_output, run_folder, strip_credentials
from budwood_generation.placeholders import Template
from budwood_generation.reasoning import ReasoningMode
from budwood_generation.seed_files import FileValues
from budwood_generation.spec_errors import spec_error

MAX_TURNS: Final = 100
MAX_ROWS: Final = 10_000_000

_Text = Annotated[str, Field(min_length=1)]
_Number = Annotated[float, Field(allow_inf_nan=False)]


def _check_path(path: str | Path) -> str | Path:
    if "\0" in str(path):
        raise ValueError("a path cannot contain a null byte")
    return path


_PathText = Annotated[_Text, AfterValidator(_check_path)]
_Output = Annotated[_Text, BeforeValidator(parse_output), AfterValidator(_check_path)]


class _Part(BaseModel):
    """
    A part of a specification.

    Raises:
        ConfigurationError: A value is not valid.
    """

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - as in Pydantic
        try:
            super().__init__(**values)
        except ValidationError as error:
            problem = spec_error(type(self), error, where=type(self).__name__)
        else:
            return
        raise problem  # not above: the error of Pydantic contains the values

    # With it, Pydantic does not call __init__ for nested parts, whose errors would then lack their place.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined] # an attribute of a function


class _Table(_Part):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


class Choice(_Part):
    """
    A plugin and its settings. In a file it is a name, or a table with the key ``plugin``.

    The name can also be that of an instance in the settings.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    plugin: _Text

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"plugin": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """The settings: all keys except the name."""
        return dict(self.model_extra or {})

    @model_serializer(mode="wrap")
    def _save_file_names(self, save: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Save the name of a file, not its content, which may be large."""
        files = {key: {"file": value.file} for key, value in self.settings.items() if isinstance(value, FileValues)}
        saved: dict[str, Any] = save(self.model_copy(update=files) if files else self)
        return saved


def _check_stop(value: object) -> object:
    texts = value if isinstance(value, list | tuple) else [value]
    if value is not None and not all(isinstance(text, str) and text for text in texts):
        raise ValueError("must be a text or a list of texts, none of them empty")
    return value


class ModelOptions(_Table):
    """
    Parameters of every call of a model; see `budwood.types.ChatRequest`.

    With ``keep_truncated``, replies that reached ``max_tokens`` are used, not rejected. ``reasoning`` says whether the
    reasoning of the model is dropped, kept in a field, or put in front of the answer in tags.
    """

    temperature: _Number | None = None
    top_p: _Number | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    stop: Annotated[_Text | tuple[_Text, ...] | None, BeforeValidator(_check_stop)] = None
    frequency_penalty: _Number | None = None
    presence_penalty: _Number | None = None
    reasoning_effort: str | None = None
    extra: dict[str, JsonValue] | None = None
    retries: int | None = None
    timeout: _Number | None = None
    keep_truncated: bool = False
    reasoning: ReasoningMode = "drop"

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that are set, as options of `budwood.Client.ask`."""
        return self.model_dump(exclude_none=True, exclude={"keep_truncated", "reasoning"})


def _refuse_reasoning(options: ModelOptions) -> ModelOptions:
    if options.reasoning != "drop":
        raise ValueError("reasoning is kept with answers, not with questions: set it in answerer_options")
    return options


def _refuse_tags(options: ModelOptions) -> ModelOptions:
    if options.reasoning == "tags":
        raise ValueError('a structured value has no text in front of which tags could be: set reasoning = "field"')
    return options


class Documents(_Table):
    """
    The documents that rows are created from.

    Attributes:
        paths: Files and patterns, relative to the specification.
        exclude: Patterns of files and folders that are left out.
        strict: Whether a document that cannot be read stops the run. By default it is skipped, and reported.
        code: Whether code blocks and tables are part of passages: ``"keep"`` or ``"drop"``.
        passage_chars: Approximate length of a passage, in characters.
    """

    paths: Annotated[tuple[_PathText, ...], Field(min_length=1)]
    exclude: tuple[_PathText, ...] = ()
    strict: bool = False
    code: Literal["keep", "drop"] = "keep"
    passage_chars: Annotated[int, Field(ge=80, le=1_000_000)] = 1200


def _parse_turns(value: object) -> tuple[int, int]:
    match value:
        case int() as number if _is_turns(number):
            return number, number
        case [int() as minimum, int() as maximum] if _is_turns(minimum) and _is_turns(maximum) and minimum <= maximum:
            return minimum, maximum
    shown = json.dumps(value, default=repr)
    shown = shown if len(shown) <= 50 else f"a value of type {type(value).__name__}"
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_turns, value)):
        raise ValueError(f"turns must be [minimum, maximum]; got {shown}")
    raise ValueError(f"turns must be a number from 1 to {MAX_TURNS}, or [minimum, maximum]; got {shown}")


def _is_turns(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_TURNS


class ConversationSpec(_Table):
    """
    A dataset of conversations.

    Attributes:
        turns: Number of questions and answers: a number, or the minimum and the maximum.
        strategy: Plugin that decides what is asked.
        modifiers: Plugins that change the messages for the answerer. By default ``document-context`` if there are
            documents.
        asker: The model that writes questions, as ``provider/model``. By default the answerer.
        answerer: The model that writes answers.
        system: The system message of every conversation, which is part of the rows. Fields of seeds fill its
            placeholders.
        asker_options: Parameters of the asker's calls.
        answerer_options: Parameters of the answerer's calls.
        lane: How calls are sent; see `budwood_generation.lanes.Lane`. Each round of questions or answers is a batch.
    """

    turns: Annotated[tuple[int, int], BeforeValidator(_parse_turns)] = (1, 1)
    strategy: Choice = Choice(plugin="document-questions")
    modifiers: tuple[Choice, ...] | None = None
    asker: _Text | None = None
    answerer: _Text
    system: Template | None = None
    asker_options: Annotated[ModelOptions, AfterValidator(_refuse_reasoning)] = ModelOptions()
    answerer_options: ModelOptions = ModelOptions()
    lane: Lane = "live"


def _schema_of(value: object) -> object:
    if value is None or isinstance(value, Mapping | str | int | float | list | tuple):
        return value
    try:
        return TypeAdapter(cast("type", value)).json_schema()
    except PydanticUserError as error:
        message = f"schema must be a JSON schema, or a type that Pydantic can validate: {error.message}"
        raise ValueError(message) from error


class RowSpec(_Table):
    """
    A dataset of structured values, one for each row.

    Attributes:
        model: The model that writes the values.
        json_schema: The schema (``schema`` in a file, there also the name of a JSON file). In Python it may be any type
            that Pydantic can validate, such as a model.
        instruction: The user message. Fields of seeds fill its placeholders.
        strategy: Plugin that distributes documents, personas or seeds over the rows. A seed that is a text follows the
            instruction, unless that has the placeholder ``{seed}``.
        modifiers: Plugins that change the messages. By default ``document-context`` if there are documents.
        system: The system message. Fields of seeds fill its placeholders.
        options: Parameters of the calls.
        lane: How calls are sent; see `budwood_generation.lanes.Lane`.
    """

    model: _Text
    json_schema: Annotated[dict[str, JsonValue], BeforeValidator(_schema_of), Field(alias="schema")]
    instruction: Template
    strategy: Choice = Choice(plugin="document-questions")
    modifiers: tuple[Choice, ...] | None = None
    system: Template | None = None
    options: Annotated[ModelOptions, AfterValidator(_refuse_tags)] = ModelOptions()
    lane: Lane = "live"


class GenerationSpec(_Table):
    """
    The specification of a dataset. Exactly one of ``conversation`` and ``row`` is set.

    Attributes:
        rows: Number of rows.
        seed: Seed of all random choices.
        output: The file for the rows, relative to ``root``, or a URL such as ``s3://bucket/rows``. The journal is in
            ``OUTPUT.run`` next to the file; for a URL it is in ``root``, in ``NAME-HASH.run``.
        storage: Plugin that stores the rows. By default the one whose patterns match the output.
        provenance: Where the models, parameters and prompts of rows are recorded: in a field of each row ("row"), in a
            file next to the output, with attempts, costs and times ("sidecar"), or only in the journal ("none").
        concurrency: The most calls at a time.
        attempts: The most replies that are requested for one call, if they cannot be used.
        pilot: The number of rows of a pilot, which has only the first rows of the dataset. See `with_pilot`.
        patience: The longest time in which a run waits for an endpoint that is unavailable, in seconds.
        documents: The documents that rows are created from.
        conversation: Rows are conversations.
        row: Rows are structured values.
        root: The folder that paths are relative to: that of the specification, otherwise the current folder.
        origin: The file that the specification was read from.
    """

    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    output: _Output
    storage: Choice | None = None
    provenance: Literal["row", "sidecar", "none"] = "row"
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 16
    attempts: Annotated[int, Field(ge=1, le=100)] = 3
    patience: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 900.0
    pilot: Annotated[int, Field(ge=1, le=MAX_ROWS)] | None = None
    documents: Documents | None = None
    conversation: ConversationSpec | None = None
    row: RowSpec | None = None
    root: Path = Field(default_factory=Path.cwd, exclude=True)
    origin: Path | None = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _one_kind_of_row(self) -> Self:
        if (self.conversation is None) == (self.row is None):
            raise ValueError("set exactly one of [conversation] and [row]")
        return self

    @property
    def job(self) -> ConversationSpec | RowSpec:
        """The conversation or row specification, whichever is set."""
        job = self.conversation or self.row
        assert job is not None  # noqa: S101 - validated above
        return job

    @property
    def modifiers(self) -> tuple[Choice, ...]:
        """The modifiers, or the default ones."""
        if self.job.modifiers is not None:
            return self.job.modifiers
        return (Choice(plugin="document-context"),) if self.documents else ()

    @property
    def rows_to_create(self) -> int:
        """Number of rows, or those of a pilot."""
        return min(self.rows, self.pilot or self.rows)

    @property
    def location(self) -> str:
        """The output for the storage: an absolute path, or the URL with its credentials."""
        return locate_output(self.output, self.root)

    @property
    def shown_output(self) -> Path | str:
        """The output as an absolute path, or the URL without credentials."""
        return strip_credentials(self.output) if is_url(self.output) else Path(self.location)

    @property
    def run_folder(self) -> Path:
        """The folder of the journal."""
        return run_folder(self.output, self.root)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Hide the credentials of the output."""
        for name, value in super().__repr_args__():
            yield name, strip_credentials(value) if name == "output" else value
