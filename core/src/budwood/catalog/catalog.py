"""Look up rules, facts and presets in the data files. Rows of the user's settings take precedence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from budwood.catalog.files import Table, has_file, load_table
from budwood.catalog.matching import best_match, list_matches
from budwood.names import normalise
from budwood.settings import validate_settings
from budwood.types import MediaKind, MediaLimits, ModelRules

if TYPE_CHECKING:
    from datetime import date

    from budwood.types import Capability, ModelFacts


class Preset(NamedTuple):
    """
    An instance that needs no section in the settings.

    Attributes:
        plugin: The plugin of the instance.
        settings: Its default settings.
        environment: The environment variables, by the key that they fill.
        needs_credential: Whether the service requires a key.
        summary: What it is, in a few words.
        key_page: As in `budwood.hooks.ProviderSpec`; ``key_pattern`` and ``key_check`` likewise.
    """

    plugin: str
    settings: Mapping[str, Any]
    environment: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    needs_credential: bool = False
    summary: str = ""
    key_page: str = ""
    key_pattern: str = ""
    key_check: str = ""


class Catalog:
    """
    The rules and facts of models.

    Args:
        rows: Rows of the user's settings, by ``INSTANCE/PATTERN`` or ``PLUGIN/PATTERN``. They have the fields of
            `ModelRules` and `budwood.types.KnownFacts`, which replace those of the built-in rows.

    Raises:
        ConfigurationError: A row of the user has an unknown key or a value that is not valid.
    """

    def __init__(self, rows: Mapping[str, Table] | None = None) -> None:
        self._own = {_normalise_key(key): _own_row(key, row) for key, row in (rows or {}).items()}
        # A call looks up the rules and facts of its model several times, and matching is slow.
        self._known_rules = lru_cache(maxsize=1024)(self._rules)
        self._known_facts = lru_cache(maxsize=1024)(self._facts)

    def rules(self, instance: str, plugin: str, model: str, *, fallbacks: tuple[str, ...] = ()) -> ModelRules:
        """
        Return the rules of a model. They are empty if the model is not known.

        Args:
            instance: The instance, whose rows come first.
            plugin: Its plugin, whose rows come next.
            model: The name of the model.
            fallbacks: Further plugins, whose rows apply if the first two have none.
        """
        return self._known_rules(instance, plugin, model, fallbacks)

    def _rules(self, instance: str, plugin: str, model: str, fallbacks: tuple[str, ...]) -> ModelRules:
        names = _names(instance, plugin, model, fallbacks)
        rules = _builtin_rules(names)
        if media := _builtin_media(names):
            rules = rules.model_copy(update={"media": media})
        own = self._with_own_rules(rules, names)
        return own if own.media is rules.media else own.model_copy(update={"media": {**rules.media, **own.media}})

    def facts(
        self, instance: str, plugin: str, model: str, *, fallbacks: tuple[str, ...] = (), vendor: str | None = None
    ) -> ModelFacts:
        """
        Return the facts of a model: limits, prices and shutdown day. Files are read at the first look-up.

        Args:
            instance: The instance, whose rows in the settings come first.
            plugin: Its plugin, whose rows come next.
            model: The name of the model.
            fallbacks: Further plugins, whose rows apply if the first two have none.
            vendor: The name of the provider in the built-in rows, if it differs from the plugin's, as for a preset.
        """
        return self._known_facts(instance, plugin, model, fallbacks, vendor or plugin)

    def _facts(self, instance: str, plugin: str, model: str, fallbacks: tuple[str, ...], vendor: str) -> ModelFacts:
        names = _names(instance, plugin, model, fallbacks)
        return self._with_own_facts(_builtin_facts(vendor, model.lower(), fallbacks), names)

    def has_facts(self, *providers: str) -> bool:
        """Tell whether there may be facts of models of one of these providers. No file is read."""
        return bool(self._own) or any(has_file(f"facts/{provider}.json") for provider in providers)

    def preset(self, name: str) -> Preset | None:
        """Return the preset with a name, or None."""
        return load_presets().get(normalise(name))

    def _with_own_rules(self, rules: ModelRules, names: tuple[str, ...]) -> ModelRules:
        own, fields = self._own_fields(ModelRules, names)
        if own is None or not fields:
            return rules
        return rules.model_copy(update={**fields, "source": own.source, "as_of": own.as_of})

    def _with_own_facts(self, facts: ModelFacts, names: tuple[str, ...]) -> ModelFacts:
        if not self._own:
            return facts
        from budwood.types import KnownFacts

        own, fields = self._own_fields(KnownFacts, names)
        if own is None or not fields:
            return facts
        source = {"source": own.source, "as_of": own.as_of} if own.source else {}
        return facts.model_copy(update={**fields, **source, "own": frozenset(fields)})

    def _own_fields(self, record: type[BaseModel], names: tuple[str, ...]) -> tuple[Any, dict[str, object]]:
        """Return the user's row, and its values for the fields of a record."""
        pattern = _first_match(self._own, names)
        if pattern is None:
            return None, {}
        own = self._own[pattern]
        present = own.model_fields_set & set(record.model_fields) - {"source", "as_of"}
        return own, {name: getattr(own, name) for name in sorted(present)}


_NOTHING_KNOWN = ModelRules.model_construct()


def _own_row(key: str, row: Mapping[str, Any]) -> BaseModel:
    return validate_settings(_row_model(), row, where=f"[models.{key!r}]")


@cache
def _row_model() -> type[BaseModel]:
    """Build the model of a user's row at the first use, since most programs have none."""
    from budwood.types import KnownFacts

    class Row(ModelRules, KnownFacts):
        """The fields of a row in the settings."""

    return Row


def _names(instance: str, plugin: str, model: str, fallbacks: tuple[str, ...]) -> tuple[str, ...]:
    model = model.lower()
    return tuple(f"{owner}/{model}" for owner in dict.fromkeys((instance, plugin, *fallbacks)))


def _normalise_key(key: str) -> str:
    owner, slash, pattern = key.partition("/")
    return f"{normalise(owner)}{slash}{pattern.lower()}"


def _first_match(rows: Mapping[str, object], names: Iterable[str]) -> str | None:
    return next((pattern for name in names if (pattern := best_match(rows, name))), None)


@lru_cache(maxsize=1024)
def _builtin_rules(names: tuple[str, ...]) -> ModelRules:
    pattern = _first_match(_builtin_rows(), names)
    return _NOTHING_KNOWN if pattern is None else _builtin(pattern)


@lru_cache(maxsize=1024)
def _builtin_media(names: tuple[str, ...]) -> dict[MediaKind, MediaLimits]:
    """Return the limits of media by kind. Those of exact patterns replace those of a vendor, kind by kind."""
    rows = _media_rows()
    limits: dict[MediaKind, MediaLimits] = {}
    for name in reversed(names):
        for pattern in list_matches(rows, name):
            limits |= rows[pattern]
    return limits


@cache
def _media_rows() -> Mapping[str, dict[MediaKind, MediaLimits]]:
    return {
        pattern: {
            kind: MediaLimits.model_validate({"source": row["source"], "as_of": row["as_of"], **limits})
            for kind, limits in row["media"].items()
        }
        for pattern, row in load_table("media.json").items()
    }


def list_takers(kind: MediaKind) -> list[str]:
    """List the vendors with models that take media of a kind in messages, as far as the catalog knows."""
    rows = load_table("media.json").items()
    return sorted({pattern.partition("/")[0] for pattern, row in rows if kind in row.get("input", ())})


def list_models(capability: Capability, vendor: str, today: date) -> Iterator[str]:
    """
    Yield known models that have a capability: those of a vendor, then those of the others.

    Models that were shut down are left out, and those with a shutdown day come last.
    """
    from budwood.catalog.vendors import list_names

    stated: dict[str, list[str]] = {}
    for pattern, row in _builtin_rows().items():
        stated.setdefault(pattern.partition("/")[0], []).extend(row.get("names", ()))
    for owner in sorted(stated, key=lambda owner: owner != vendor):
        for name in dict.fromkeys((*stated[owner], *list_names(owner, today))):
            rules = _builtin_rules((f"{owner}/{name}",))
            if rules.kind is not None and rules.filter_capabilities(frozenset({capability})):
                yield f"{owner}/{name}"


@lru_cache(maxsize=1024)
def _builtin_facts(vendor: str, model: str, fallbacks: tuple[str, ...]) -> ModelFacts:
    from budwood.catalog.vendors import find_discount, find_facts, find_shutdown
    from budwood.types import ModelFacts

    owners = tuple(dict.fromkeys((vendor, *fallbacks)))
    found = next((facts for owner in owners if (facts := find_facts(owner, model))), ModelFacts.model_construct())
    further = {**find_discount(vendor), **find_shutdown(vendor, model)}
    return found.model_copy(update=further) if further else found


@cache
def load_presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    return {name: _preset(row) for name, row in load_table("presets.json").items()}


def _preset(row: Table) -> Preset:
    settings = dict(row.get("settings", {}))
    if "base_url" in row:
        settings["base_url"] = row["base_url"]
    return Preset(
        plugin=row["plugin"],
        settings=settings,
        environment={key: tuple(names) for key, names in row.get("environment", {}).items()},
        needs_credential=row.get("needs_credential", False),
        summary=row.get("summary", ""),
        key_page=row.get("key_page", ""),
        key_pattern=row.get("key_pattern", ""),
        key_check=row.get("key_check", ""),
    )


@cache
def _builtin(pattern: str) -> ModelRules:
    row = _builtin_rows()[pattern]
    return ModelRules.model_validate({key: value for key, value in row.items() if key != "names"})


@cache
def _builtin_rows() -> Mapping[str, Table]:
    return load_table("models.json")
