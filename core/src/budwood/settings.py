"""
Settings: explicit argument > environment > ``.env`` > ``budwood.toml`` > the user's ``budwood.toml`` > default.

.. code-block:: toml

    model = "work/gpt-5.1"              # what is asked where no model is named

    [options]                           # defaults of every call, see `Options`
    retries = 3

    [providers.work]                    # an instance, named by its section
    plugin = "openai"
    api_key = "..."

    [plugins]
    disabled = ["groq"]

The environment writes the same as ``BUDWOOD_PROVIDERS__WORK__API_KEY``; a name may use ``_`` for ``-``. Values of lists
and tables are JSON there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from budwood.errors import ConfigurationError
from budwood.names import did_you_mean, listed, normalise
from budwood.settings_sources import (
    FILE_NAME,
    Source,
    Table,
    check_depth,
    dotenv_source,
    environment_source,
    file_source,
    normalise_instances,
    vendor_values,
)

M = TypeVar("M", bound=BaseModel)

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Options(BaseModel):
    """
    Options of a call, with their defaults.

    Attributes:
        retries: How often a failed request is sent again.
        timeout: Seconds for the whole call: all attempts, all pauses, all rounds.
        connect_timeout: Seconds to open a connection.
        idle_timeout: Seconds between two pieces of a reply that has begun.
        on_unsupported: What to do about a parameter that the model refuses: leave it out and say so in
            ``response.adaptations``, do so with a warning, or raise `UnsupportedError` before anything is sent.
        repairs: How often a reply that does not satisfy the schema is sent back with what is wrong with it.
        max_tool_rounds: How often the model may call tools before it must answer.
        attempt_timeout: Seconds for one attempt, which is then repeated: a whole reply must be complete by then, a
            streamed one must have begun. By default there is no such limit for whole replies, and 60 s for streams.
        max_retry_after: The longest ``Retry-After`` that is waited for, in seconds; a longer one is the caller's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    retries: Annotated[int, Field(ge=0, le=100)] = 2
    timeout: Seconds = 600.0
    connect_timeout: Seconds = 5.0
    idle_timeout: Seconds = 60.0
    on_unsupported: Literal["adapt", "warn", "error"] = "adapt"
    repairs: Annotated[int, Field(ge=0, le=100)] = 1
    max_tool_rounds: Annotated[int, Field(ge=0, le=1000)] = 10
    max_retry_after: Annotated[float, Field(ge=0)] = 120.0
    attempt_timeout: Seconds | None = None


class PluginSettings(BaseModel):
    """
    The section ``[plugins]``.

    ``disabled`` names plugins or distributions that are never imported. What one source blocks, no other unblocks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    disabled: tuple[str, ...] = ()


class _Root(BaseModel):
    """The top level of a settings file."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)

    model: str | None = None
    cache: str | None = None
    tokenizer: str | bool | None = None
    transport: str | None = None
    observers: tuple[str, ...] = ()
    options: Options = Options.model_construct()
    plugins: PluginSettings = PluginSettings.model_construct()
    providers: dict[str, Table] = Field(default_factory=dict)
    caches: dict[str, Table] = Field(default_factory=dict)
    storages: dict[str, Table] = Field(default_factory=dict)
    media_handlers: dict[str, Table] = Field(default_factory=dict)
    instruction_strategies: dict[str, Table] = Field(default_factory=dict)
    prompt_modifiers: dict[str, Table] = Field(default_factory=dict)
    tokenizers: dict[str, Table] = Field(default_factory=dict)
    transports: dict[str, Table] = Field(default_factory=dict)
    observer: dict[str, Table] = Field(default_factory=dict)
    models: dict[str, Table] = Field(default_factory=dict)


class Settings:
    """
    All settings of a program, merged.

    Args:
        sources: Where they come from, the strongest first.

    Raises:
        ConfigurationError: A key is unknown or a value impossible; the text says where.
    """

    def __init__(self, *sources: Source) -> None:
        self.sources = sources
        for source in sources:
            check_depth(source.tree, where=source.name)
        said = [validated(_Root, source.tree, where=source.name) for source in sources if source.tree]
        merged: Table = {}
        for source in reversed(sources):
            _merge(merged, source.tree)
        root = validated(_Root, merged, where="settings") if merged else _Root.model_construct()
        self.model = root.model
        self.cache = root.cache
        self.tokenizer = root.tokenizer
        self.transport = root.transport
        self.observers = root.observers
        self.options = root.options
        self.model_rows = root.models
        self.disabled = frozenset(normalise(name) for each in said for name in each.plugins.disabled)

    @classmethod
    def load(
        cls,
        explicit: Mapping[str, Any] | None = None,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        user_file: Path | None = None,
    ) -> Settings:
        """
        Read the settings.

        Args:
            explicit: What the program itself says, in the form of the file; the strongest of all.
            folder: Where ``.env`` and ``budwood.toml`` are looked for; by default the current folder.
            environment: By default the process's own.
            user_file: By default ``budwood.toml`` in the user's configuration directory.
        """
        if explicit is not None and not isinstance(explicit, Mapping):
            raise ConfigurationError(
                f"Settings are a dictionary in the form of {FILE_NAME}; got a value of type {type(explicit).__name__}.",
                hint="To read them from the files of a folder, pass settings=Settings.load(folder=…).",
            )
        folder = Path.cwd() if folder is None else folder
        sections = _Root.model_fields
        sources = [
            Source("arguments", normalise_instances(dict(explicit or {}))),
            environment_source("environment", os.environ if environment is None else environment, sections),
            *dotenv_source(folder / ".env", sections),
            *file_source(folder / FILE_NAME),
            *file_source(_user_file() if user_file is None else user_file),
        ]
        return cls(*sources)

    def names(self, section: str) -> list[str]:
        """List the instances that a section names."""
        return sorted({name for source in self.sources for name in source.tree.get(section, {})})

    def instance(
        self,
        section: str,
        name: str,
        variables: Mapping[str, tuple[str, ...]] | None = None,
        exclusive: tuple[str, ...] = (),
    ) -> Table:
        """
        Merge what all sources say of one instance.

        Args:
            section: Such as ``"providers"``.
            name: The instance's name.
            variables: The vendor's own names of environment variables, by key.
            exclusive: Mutually exclusive keys; see `budwood.hooks.ProviderSpec`.
        """
        merged: Table = {}
        for source in reversed(self.sources):
            found = vendor_values(source.variables, variables or {})
            for key in [key for key in exclusive if key in found][1:]:
                del found[key]
            replace(merged, found, exclusive)
            replace(merged, source.tree.get(section, {}).get(normalise(name), {}), exclusive)
        return merged


def replace(weaker: Table, stronger: Mapping[str, Any], exclusive: tuple[str, ...]) -> None:
    """
    Put a stronger source's values over a weaker one's, those of tables key by key.

    Of exclusive keys only the stronger's are left.
    """
    if any(key in stronger for key in exclusive):
        for key in exclusive:
            weaker.pop(key, None)
    _merge(weaker, stronger)


def validated(model: type[M], values: Mapping[str, Any], *, where: str, cure: Callable[[str], str] | None = None) -> M:
    """
    Make a settings object, or say which key is wrong; ``cure`` says what to do about one that is missing.

    Raises:
        ConfigurationError: With the near matches of an unknown key; never with a value, which may be a secret.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
    # Not raised above: the error of Pydantic holds the values.
    problems = describe_problems(model, details)
    missing = [str(detail["loc"][0]) for detail in details if detail["type"] == "missing" and detail["loc"]]
    hint = cure(missing[0]) if cure and missing else None
    raise ConfigurationError(f"{where}: {problems}.", hint=hint)


def describe_problems(model: type[BaseModel], details: Iterable[ErrorDetails]) -> str:
    """Describe what Pydantic reports about the values of a model, without the values."""
    return "; ".join(_problem(model, detail) for detail in details)


def _problem(model: type[BaseModel], detail: ErrorDetails) -> str:
    location = [str(step) for step in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        return f"unknown key {'.'.join(location)!r}{_cure(model, location)}"
    if detail["type"] == "missing":
        return f"{'.'.join(location)!r} is missing"
    said = detail["msg"].removeprefix("Value error, ")
    said = f"{said[:1].lower()}{said[1:]}"
    return f"{'.'.join(location)!r}: {said}" if location else said


def _cure(model: type[BaseModel], location: list[str]) -> str:
    """Say which keys the table of an unknown key has, or which of them is near."""
    table: type[BaseModel] | None = model
    for step in location[:-1]:
        table = _model_in(table.model_fields[step].annotation) if table and step in table.model_fields else None
    if table is None:
        return ""
    known = {info.alias or name for name, info in table.model_fields.items()}
    near = did_you_mean(location[-1], known)
    return f" ({near[0].lower()}{near[1:]})" if near else f" (known are {listed(known)})"


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Find the model of a field, also of one that may be None."""
    kinds = get_args(annotation) or (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _user_file() -> Path:
    from platformdirs import user_config_path

    return user_config_path("budwood") / FILE_NAME


def _merge(target: Table, source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = _copied(value)


def _copied(value: object) -> object:
    return {key: _copied(inner) for key, inner in value.items()} if isinstance(value, dict) else value
