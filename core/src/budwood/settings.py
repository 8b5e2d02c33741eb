"""
Settings: explicit argument > environment > ``.env`` > ``budwood.toml`` > the user's ``budwood.toml`` > default.

A key that none of them has may be among the stored ones, see `budwood.credential_store`.

.. code-block:: toml

    model = "work/gpt-5.1"              # the default model

    [options]                           # defaults of every call, see `Options`
    retries = 3

    [providers.work]                    # a provider instance; the section gives its name
    plugin = "openai"
    api_key = "..."

    [plugins]
    disabled = ["groq"]

The environment variable for that key is ``BUDWOOD_PROVIDERS__WORK__API_KEY``, with ``_`` in place of ``-`` in names.
Lists and tables are JSON in environment variables; several keys, ``BUDWOOD_PROVIDERS__WORK__API_KEYS``, and the names
in ``BUDWOOD_OBSERVERS`` and ``BUDWOOD_PLUGINS_DISABLED`` may also be separated by commas.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from budwood.errors import ConfigurationError
from budwood.names import did_you_mean, join_names, normalise
from budwood.option_settings import Options
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

Exclusive = tuple[tuple[str, ...], ...]
"""Groups of mutually exclusive keys. A source of higher precedence that sets one of a group removes the others."""

OFF: Final = ("", "0", "false", "none", "off")
"""Values of the settings `cache` and `tokenizer` that disable them, besides ``false``."""

_LENGTH: Final = re.compile(r"^\w+ should (have .+) after validation, not (.+)$")  # in the words of Pydantic

_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?$")

_IN_HOME: Final = {"cache": ".cache", "config": ".config", "data": ".local/share", "state": ".local/state"}
"""Where a home folder has the folders of the XDG Base Directory Specification by default."""


class PluginSettings(BaseModel):
    """
    The section ``[plugins]``.

    ``disabled`` lists plugins or distributions that are never imported. No source can enable what another disables.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    disabled: tuple[str, ...] = ()


def _parse_cache(value: object) -> object:
    """Return the names of caches: none for a value that disables them, whatever sources of lower precedence say."""
    names = value if isinstance(value, list | tuple) else (value,)
    if value is False or (isinstance(value, str) and value.lower() in OFF):
        return ()
    if value is not None and not all(isinstance(name, str) and name for name in names):
        raise ValueError(
            "must be the name of a cache, a list of names, or false; settings of caches belong in [caches.NAME]"
        )
    return value


def _check_address(value: str | None) -> str | None:
    """Check the address of a server, which has no password: it is shown."""
    if value is not None and not _ADDRESS.match(value):
        raise ValueError("must be an address such as 'https://budwood.example.org', without user and password")
    return value


class RootSettings(BaseModel):
    """
    The top level of a settings file.

    ``server_url`` is the address of a Budwood server, for the command line. ``server`` are the settings of the server
    itself, which the distribution ``budwood-server`` validates.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)

    model: str | None = None
    cache: Annotated[str | tuple[str, ...] | None, BeforeValidator(_parse_cache)] = None
    tokenizer: str | bool | None = None
    transport: str | None = None
    limiter: str | None = None
    prompts: str | None = None
    observers: tuple[str, ...] = ()
    server_url: Annotated[str | None, AfterValidator(_check_address)] = None
    options: Options = Options.model_construct()
    plugins: PluginSettings = PluginSettings.model_construct()
    providers: dict[str, Table] = Field(default_factory=dict)
    caches: dict[str, Table] = Field(default_factory=dict)
    storages: dict[str, Table] = Field(default_factory=dict)
    media_handlers: dict[str, Table] = Field(default_factory=dict)
    instruction_strategies: dict[str, Table] = Field(default_factory=dict)
    prompt_modifiers: dict[str, Table] = Field(default_factory=dict)
    prompt_sources: dict[str, Table] = Field(default_factory=dict)
    tokenizers: dict[str, Table] = Field(default_factory=dict)
    transports: dict[str, Table] = Field(default_factory=dict)
    limiters: dict[str, Table] = Field(default_factory=dict)
    budgets: dict[str, Table] = Field(default_factory=dict)
    observer: dict[str, Table] = Field(default_factory=dict)
    models: dict[str, Table] = Field(default_factory=dict)
    server: Table = Field(default_factory=dict)


class Settings:
    """
    All settings of a program, merged.

    Args:
        sources: The sources, in order of precedence.

    Attributes:
        key_folder: The folder with the keys that the user has stored; None for settings that were not loaded.
        folder_sources: The sources in the current folder, which may be the work of others.

    Raises:
        ConfigurationError: A key is unknown or a value is not valid. The message names the source.
    """

    key_folder: Path | None = None
    folder_sources: tuple[Source, ...] = ()

    def __init__(self, *sources: Source) -> None:
        self.sources = sources
        for source in sources:
            check_depth(source.tree, where=source.name)
        parsed = [validate_settings(RootSettings, source.tree, where=source.name) for source in sources if source.tree]
        merged: Table = {}
        for source in reversed(sources):
            _merge(merged, source.tree)
        root = validate_settings(RootSettings, merged, where="settings") if merged else RootSettings.model_construct()
        self.model = root.model
        self.cache = root.cache
        self.tokenizer = root.tokenizer
        self.transport = root.transport
        self.limiter = root.limiter
        self.prompts = root.prompts
        self.budgets = root.budgets
        self.observers = root.observers
        self.options = root.options
        self.model_rows = root.models
        self.server = root.server
        self.disabled = frozenset(normalise(name) for each in parsed for name in each.plugins.disabled)

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
        Load the settings from all sources.

        Args:
            explicit: Settings of the program, in the form of the file. They take precedence over all other sources.
            folder: The folder with ``.env`` and ``budwood.toml``; by default the current folder.
            environment: The environment variables; by default those of the process.
            user_file: By default ``budwood.toml`` in the user's configuration directory.

        Raises:
            ConfigurationError: A source cannot be read, a key is unknown, or a value is not valid.
        """
        if explicit is not None and not isinstance(explicit, Mapping):
            raise ConfigurationError(
                f"Settings are a dictionary in the form of {FILE_NAME}; got a value of type {type(explicit).__name__}.",
                hint="To read them from the files of a folder, pass settings=Settings.load(folder=…).",
            )
        folder = Path.cwd() if folder is None else folder
        user_file = user_folder("config") / FILE_NAME if user_file is None else user_file
        sections = RootSettings.model_fields
        of_folder = (*dotenv_source(folder / ".env", sections), *file_source(folder / FILE_NAME))
        settings = cls(
            Source("arguments", normalise_instances(dict(explicit or {}))),
            environment_source("environment", os.environ if environment is None else environment, sections),
            *of_folder,
            *file_source(user_file),
        )
        settings.key_folder = user_file.parent
        settings.folder_sources = () if folder == user_file.parent else of_folder
        return settings

    def instance_names(self, section: str) -> list[str]:
        """List the instances in a section, such as ``"providers"``."""
        return sorted({name for source in self.sources for name in source.tree.get(section, {})})

    def instance_settings(
        self,
        section: str,
        name: str,
        variables: Mapping[str, tuple[str, ...]] | None = None,
        exclusive: Exclusive = (),
    ) -> Table:
        """
        Return the settings of one instance, merged from all sources.

        Args:
            section: The section, such as ``"providers"``.
            name: The name of the instance.
            variables: The vendor's own environment variables, by the key that they fill.
            exclusive: Groups of mutually exclusive keys; see `budwood.hooks.ProviderSpec`.
        """
        merged: Table = {}
        for source in reversed(self.sources):
            values = vendor_values(source.variables, variables or {})
            for group in exclusive:
                for key in [key for key in group if key in values][1:]:
                    del values[key]
            override_settings(merged, values, exclusive)
            override_settings(merged, source.tree.get(section, {}).get(normalise(name), {}), exclusive)
        return merged


def override_settings(settings: Table, overrides: Mapping[str, Any], exclusive: Exclusive) -> None:
    """
    Override settings with those of a source of higher precedence; tables are merged key by key.

    If the overrides have one key of a group of mutually exclusive keys, the others are removed.
    """
    for group in exclusive:
        if any(key in overrides for key in group):
            for key in group:
                settings.pop(key, None)
    _merge(settings, overrides)


def validate_settings(
    model: type[M], values: Mapping[str, Any], *, where: str, hint_for: Callable[[str], str] | None = None
) -> M:
    """
    Validate settings by their model.

    Args:
        model: The Pydantic model.
        values: The settings.
        where: The source of the settings, for errors.
        hint_for: Returns the hint for a missing key.

    Raises:
        ConfigurationError: A key is unknown or missing, or a value is not valid. The message never contains a value,
            which may be a secret.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
    # Not raised inside the handler: Pydantic's error, which would be its context, contains the values.
    problems = describe_problems(model, details)
    missing = [str(detail["loc"][0]) for detail in details if detail["type"] == "missing" and detail["loc"]]
    hint = hint_for(missing[0]) if hint_for and missing else None
    raise ConfigurationError(f"{where}: {problems}.", hint=hint)


def describe_problems(model: type[BaseModel], details: Iterable[ErrorDetails]) -> str:
    """Describe Pydantic's validation errors without the values."""
    return "; ".join(_problem(model, detail) for detail in details)


def _problem(model: type[BaseModel], detail: ErrorDetails) -> str:
    location = [str(step) for step in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        return f"unknown key {'.'.join(location)!r}{_known_keys(model, location)}"
    if detail["type"] == "missing":
        return f"{'.'.join(location)!r} is missing"
    if detail["type"] == "tuple_type":  # what settings and arguments have are lists
        return f'{".".join(location)!r}: must be a list, such as ["a", "b"]'
    if detail["type"] in ("dict_type", "model_type"):
        return f"{'.'.join(location)!r}: must be a table"
    message = detail["msg"].removeprefix("Value error, ")
    message = _LENGTH.sub(r"must \1; got \2", message)
    message = f"{message[:1].lower()}{message[1:]}"
    return f"{'.'.join(location)!r}: {message}" if location else message


def _known_keys(model: type[BaseModel], location: list[str]) -> str:
    """Return the keys that are similar to an unknown one, or all keys of its table, in parentheses."""
    table: type[BaseModel] | None = model
    is_entry = False
    for step in location[:-1]:
        if is_entry:  # the number or the name of an entry
            is_entry = False
            continue
        if table is None or step not in table.model_fields:
            return ""
        annotation = table.model_fields[step].annotation
        table, is_entry = _model_in(annotation), get_origin(annotation) in (tuple, dict)
    if table is None:
        return ""
    known = {info.alias or name for name, info in table.model_fields.items() if not info.exclude}
    near = did_you_mean(location[-1], known)
    return f" ({near[0].lower()}{near[1:]})" if near else f" (known keys: {join_names(known)})"


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model in the annotation of a field, which may be optional."""
    kinds = get_args(annotation) or (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def user_folder(purpose: Literal["cache", "config", "data", "state"]) -> Path:
    """
    Return Budwood's folder of a purpose for the current user. It may not exist.

    A variable replaces each of them: ``BUDWOOD_CACHE_DIR``, ``BUDWOOD_CONFIG_DIR``, ``BUDWOOD_DATA_DIR`` and
    ``BUDWOOD_STATE_DIR``.

    A user without a home folder, such as a number without a name in a container, has ``/`` as home, as in containers
    that set ``HOME``. Files that cannot be created there are faults of what needs them, not of the client.
    """
    from platformdirs import PlatformDirs

    if named := os.environ.get(f"BUDWOOD_{purpose.upper()}_DIR"):
        return Path(named).absolute()
    try:
        folder: Path = getattr(PlatformDirs("budwood"), f"user_{purpose}_path")
    except RuntimeError:  # platformdirs since 4.14; before, the path begins with "~"
        return Path("/", _IN_HOME[purpose], "budwood")
    return folder if folder.is_absolute() else Path("/", _IN_HOME[purpose], "budwood")


def _merge(target: Table, source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = _copy(value)


def _copy(value: object) -> object:
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, dict) else value
