"""Look up rules, facts and presets in the data files, with what the user's own rows say before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from budwood.catalog.files import Table, exists, read
from budwood.catalog.matching import best_match
from budwood.names import normalise
from budwood.settings import validate_settings
from budwood.types import ModelRules

if TYPE_CHECKING:
    from budwood.types import ModelFacts


class Preset(NamedTuple):
    """
    An instance that exists without a settings section.

    Attributes:
        plugin: The plugin that it is an instance of.
        settings: Its settings, below all that users say.
        environment: Names of variables by the key that they fill.
        needs_credential: Whether the service answers nobody without a key.
    """

    plugin: str
    settings: Mapping[str, Any]
    environment: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    needs_credential: bool = False


class Catalog:
    """
    What is known about models and services.

    Args:
        rows: Rows of the user's settings, by ``INSTANCE/PATTERN`` or ``PLUGIN/PATTERN``: fields of `ModelRules` and of
            `budwood.types.KnownFacts`. What they say holds instead of what ours say; what they leave out stays.

    Raises:
        ConfigurationError: A row of the user has an unknown key or an impossible value.
    """

    def __init__(self, rows: Mapping[str, Table] | None = None) -> None:
        self._own = {_compared(key): _own_row(key, row) for key, row in (rows or {}).items()}
        # A call asks for its model's rules and facts several times, and matching takes longer than the rest.
        self._known_rules = lru_cache(maxsize=1024)(self._rules)
        self._known_facts = lru_cache(maxsize=1024)(self._facts)

    def rules(self, instance: str, plugin: str, model: str, *, also: tuple[str, ...] = ()) -> ModelRules:
        """
        Return what a model takes and refuses; nothing known is an empty set of rules.

        Args:
            instance: The instance whose rows come first.
            plugin: Its plugin, whose rows come next.
            model: The model's name.
            also: Further plugins, whose rows hold where these two have none.
        """
        return self._known_rules(instance, plugin, model, also)

    def _rules(self, instance: str, plugin: str, model: str, also: tuple[str, ...]) -> ModelRules:
        names = _names(instance, plugin, model, also)
        return self._with_own_rules(_builtin_rules(names), names)

    def facts(
        self, instance: str, plugin: str, model: str, *, also: tuple[str, ...] = (), vendor: str | None = None
    ) -> ModelFacts:
        """
        Return what else is known of a model: its limits, its prices, its end. The files are read when first wanted.

        Args:
            instance: The instance whose rows in the settings come first.
            plugin: Its plugin, whose rows come next.
            model: The model's name.
            also: Further plugins, whose rows hold where these two have none.
            vendor: By which name ours know whoever serves the model, where it is not the plugin's: that of a preset.
        """
        return self._known_facts(instance, plugin, model, also, vendor or plugin)

    def _facts(self, instance: str, plugin: str, model: str, also: tuple[str, ...], vendor: str) -> ModelFacts:
        names = _names(instance, plugin, model, also)
        return self._with_own_facts(_builtin_facts(vendor, model.lower(), also), names)

    def knows(self, *owners: str) -> bool:
        """Tell whether there may be facts of models that one of these owners serves. Nothing is read."""
        return bool(self._own) or any(exists(f"facts/{owner}.json") for owner in owners)

    def preset(self, name: str) -> Preset | None:
        """Return the preset of that name, or None."""
        return presets().get(normalise(name))

    def _with_own_rules(self, rules: ModelRules, names: tuple[str, ...]) -> ModelRules:
        own, said = self._said(ModelRules, names)
        if own is None or not said:
            return rules
        return rules.model_copy(update={**said, "source": own.source, "as_of": own.as_of})

    def _with_own_facts(self, facts: ModelFacts, names: tuple[str, ...]) -> ModelFacts:
        if not self._own:
            return facts
        from budwood.types import KnownFacts

        own, said = self._said(KnownFacts, names)
        if own is None or not said:
            return facts
        source = {"source": own.source, "as_of": own.as_of} if own.source else {}
        return facts.model_copy(update={**said, **source, "own": frozenset(said)})

    def _said(self, record: type[BaseModel], names: tuple[str, ...]) -> tuple[Any, dict[str, object]]:
        """Return the user's row, and what it says of the fields of a record."""
        pattern = _first_match(self._own, names)
        if pattern is None:
            return None, {}
        own = self._own[pattern]
        given = own.model_fields_set & set(record.model_fields) - {"source", "as_of"}
        return own, {name: getattr(own, name) for name in sorted(given)}


_NOTHING_KNOWN = ModelRules.model_construct()


def _own_row(key: str, row: Mapping[str, Any]) -> BaseModel:
    return validate_settings(_row_of_settings(), row, where=f"[models.{key!r}]")


@cache
def _row_of_settings() -> type[BaseModel]:
    """Make the record of a user's row when there is one: most programs have none."""
    from budwood.types import KnownFacts

    class Row(ModelRules, KnownFacts):
        """What a row of the settings may say."""

    return Row


def _names(instance: str, plugin: str, model: str, also: tuple[str, ...]) -> tuple[str, ...]:
    model = model.lower()
    return tuple(f"{owner}/{model}" for owner in dict.fromkeys((instance, plugin, *also)))


def _compared(key: str) -> str:
    owner, slash, pattern = key.partition("/")
    return f"{normalise(owner)}{slash}{pattern.lower()}"


def _first_match(rows: Mapping[str, object], names: Iterable[str]) -> str | None:
    return next((pattern for name in names if (pattern := best_match(rows, name))), None)


@lru_cache(maxsize=1024)
def _builtin_rules(names: tuple[str, ...]) -> ModelRules:
    pattern = _first_match(_builtin_rows(), names)
    return _NOTHING_KNOWN if pattern is None else _builtin(pattern)


@lru_cache(maxsize=1024)
def _builtin_facts(vendor: str, model: str, also: tuple[str, ...]) -> ModelFacts:
    from budwood.catalog.vendors import known_facts, shutdown
    from budwood.types import ModelFacts

    owners = tuple(dict.fromkeys((vendor, *also)))
    found = next((facts for owner in owners if (facts := known_facts(owner, model))), ModelFacts.model_construct())
    end = shutdown(vendor, model)
    return found.model_copy(update=end) if end else found


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    return {name: _preset(row) for name, row in read("presets.json").items()}


def _preset(row: Table) -> Preset:
    settings = dict(row.get("settings", {}))
    if "base_url" in row:
        settings["base_url"] = row["base_url"]
    return Preset(
        plugin=row["plugin"],
        settings=settings,
        environment={key: tuple(names) for key, names in row.get("environment", {}).items()},
        needs_credential=row.get("needs_credential", False),
    )


@cache
def _builtin(pattern: str) -> ModelRules:
    return ModelRules.model_validate(_builtin_rows()[pattern])


@cache
def _builtin_rows() -> Mapping[str, Table]:
    return read("models.json")
