"""What a dataset shall be: the specification, as a file or from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from budwood.errors import ConfigurationError
from budwood.settings import validated
from budwood.settings_sources import parse_toml, read_text
from budwood_generation.files import resolved

MOST_TURNS: Final = 100

_Text = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


class Choice(BaseModel):
    """
    A plugin with the settings that the specification gives it; in a file a name, or a table with the key ``plugin``.

    The name may also be an instance of the settings.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    plugin: _Text

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"plugin": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """What is set besides the name."""
        return dict(self.model_extra or {})


class ModelOptions(_Table):
    """
    Parameters that a model gets with every call; see `budwood.types.ChatRequest`.

    With ``keep_truncated``, a reply that was cut off at ``max_tokens`` is taken; otherwise its row fails.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning_effort: str | None = None
    extra: dict[str, JsonValue] | None = None
    retries: int | None = None
    timeout: float | None = None
    keep_truncated: bool = False

    def parameters(self) -> dict[str, Any]:
        """List what is set, as options of `budwood.Client.ask`."""
        return self.model_dump(exclude_none=True, exclude={"keep_truncated"})


class Documents(_Table):
    """
    What the rows are about.

    Attributes:
        paths: Files and patterns, relative to the specification.
        passage_chars: How long passages are, about.
    """

    paths: Annotated[tuple[_Text, ...], Field(min_length=1)]
    passage_chars: Annotated[int, Field(ge=80)] = 1200


def _span(value: object) -> object:
    return (value, value) if isinstance(value, int) else value


Turns = Annotated[int, Field(ge=1, le=MOST_TURNS)]


class ConversationSpec(_Table):
    """
    Rows that are conversations.

    Attributes:
        turns: How many questions and answers: a number, or the least and the most.
        strategy: Decides what is asked; by default ``document-questions``.
        modifiers: Change what the answering model sees; by default ``document-context`` where there are documents.
        asker: The model that asks, ``provider/model``; by default the one that answers.
        answerer: The model that answers.
        system: The system message of every conversation; part of the rows.
    """

    turns: Annotated[tuple[Turns, Turns], BeforeValidator(_span)] = (1, 1)
    strategy: Choice = Choice(plugin="document-questions")
    modifiers: tuple[Choice, ...] | None = None
    asker: _Text | None = None
    answerer: _Text
    system: _Text | None = None
    asker_options: ModelOptions = ModelOptions()
    answerer_options: ModelOptions = ModelOptions()

    @model_validator(mode="after")
    def _least_and_most(self) -> Self:
        if self.turns[0] > self.turns[1]:
            raise ValueError("of turns the least comes first")
        return self


def _schema_of(value: object) -> object:
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    return value


class RowSpec(_Table):
    """
    Rows that are single values of a JSON schema.

    Attributes:
        model: The model that makes them.
        json_schema: The schema (``schema`` in a file, there also the name of a JSON file); from Python also a Pydantic
            model.
        instruction: What the model is told.
        strategy: Spreads documents, personas or seeds over the rows; by default ``document-questions``. A seed stands
            below the instruction.
        modifiers: Change what the model sees; by default ``document-context`` where there are documents.
        system: The system message.
        options: Parameters of the calls.
    """

    model: _Text
    json_schema: Annotated[dict[str, JsonValue], BeforeValidator(_schema_of), Field(alias="schema")]
    instruction: _Text
    strategy: Choice = Choice(plugin="document-questions")
    modifiers: tuple[Choice, ...] | None = None
    system: _Text | None = None
    options: ModelOptions = ModelOptions()


class GenerationSpec(_Table):
    """
    A dataset to be made.

    Attributes:
        rows: How many rows.
        seed: All chance comes from it.
        output: Where the rows go, relative to ``root``; the journal lies beside it in ``OUTPUT.run``.
        storage: The form of the output.
        concurrency: How many rows are worked on at once.
        documents: What the rows are about.
        conversation: Makes the rows conversations; ``row`` makes them structured values. One of both is given.
        root: The folder that all paths are relative to: that of the specification, or else the current one.
    """

    rows: Annotated[int, Field(ge=1)]
    seed: int = 0
    output: Path
    storage: Choice = Choice(plugin="jsonl")
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 16
    documents: Documents | None = None
    conversation: ConversationSpec | None = None
    row: RowSpec | None = None
    root: Path = Field(default_factory=Path.cwd, exclude=True)

    @model_validator(mode="after")
    def _one_kind_of_row(self) -> Self:
        if (self.conversation is None) == (self.row is None):
            raise ValueError("give one of [conversation] and [row]")
        return self

    @property
    def job(self) -> ConversationSpec | RowSpec:
        """What the rows are."""
        job = self.conversation or self.row
        assert job is not None  # noqa: S101 - validated above
        return job

    @property
    def modifiers(self) -> tuple[Choice, ...]:
        """The modifiers, with the default."""
        if self.job.modifiers is not None:
            return self.job.modifiers
        return (Choice(plugin="document-context"),) if self.documents else ()

    @property
    def output_path(self) -> Path:
        """The output, as an absolute path."""
        return (self.root / self.output).absolute()

    @property
    def run_folder(self) -> Path:
        """Where the journal lies."""
        return self.output_path.with_name(f"{self.output_path.name}.run")


def load_spec(path: str | Path) -> GenerationSpec:
    """
    Read a specification from a TOML file.

    A table ``{ file = "seeds.txt" }`` in the settings of a strategy or a modifier stands for the lines of that file; a
    text as ``schema`` names a JSON file.

    Raises:
        ConfigurationError: It cannot be read, has an unknown key or an impossible value.
    """
    path = Path(path)
    try:
        text = read_text(path)
    except ValueError as error:  # a path with a null byte
        raise ConfigurationError(f"The specification {str(path)!r} cannot be read: {error}.") from error
    if text is None:
        raise ConfigurationError(
            f"The specification {str(path)!r} cannot be read: No such file or directory.",
            hint="Give the path of a TOML file.",
        )
    table = parse_toml(text, where=f"The specification {str(path)!r}")
    root = path.absolute().parent
    return make_spec(resolved(table, root, where=path.name), root, where=path.name)


def make_spec(table: Mapping[str, Any], root: Path, *, where: str = "specification") -> GenerationSpec:
    """
    Make a specification from a table, as a file or a journal holds it.

    Raises:
        ConfigurationError: It has an unknown key or an impossible value.
    """
    if "root" in table:
        raise ConfigurationError(f"{where}: unknown key 'root'. Paths are relative to the folder of the file.")
    return validated(GenerationSpec, {**table, "root": root}, where=where)
