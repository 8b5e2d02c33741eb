"""The plugins that a specification names: loading and checking them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_json

from budwood.contracts import PromptModifier, Storage
from budwood.errors import ConfigurationError
from budwood.hooks import INSTRUCTION_STRATEGY, PROMPT_MODIFIER, STORAGE, Kind
from budwood.plugins import Instance, Instances
from budwood.settings import Settings
from budwood.types.record import JSON
from budwood_generation.guards import GuardedModifier, GuardedStorage, GuardedStrategy
from budwood_generation.outputs import check_storage, choose_storage
from budwood_generation.placeholders import KeyedTemplate, find_line, find_templates
from budwood_generation.spec import Choice, GenerationSpec

_MAX_ITEMS: Final = 100
"""Items of a list in the settings that are saved in the identity of a run; a longer list is replaced by its hash."""
_NAMED_SEEDS: Final = frozenset({"document-questions", "persona"})
"""Strategies that use a seed which is a text only in the placeholder ``{seed}``."""
_PLAIN_TYPES: Final = {str, int, float, bool, type(None)}


@dataclass(frozen=True, slots=True)
class RunPlugins:
    """
    The plugins of a run.

    Attributes:
        strategy: Plans the rows and writes or requests the questions.
        modifiers: Change the messages for the answering model, in this order.
        storage: Writes the rows.
        identity: Names and settings of the strategy and the modifiers, which determine the rows. Large values, such as
            seeds, are replaced by their SHA-256.
        templates: The texts with placeholders that were set for them.
        unused_fields: Fields of the seeds that no text uses.
    """

    strategy: GuardedStrategy
    modifiers: tuple[PromptModifier, ...]
    storage: Storage
    identity: dict[str, JSON]
    templates: tuple[KeyedTemplate, ...]
    unused_fields: tuple[str, ...]


def build_plugins(spec: GenerationSpec, settings: Settings | Mapping[str, Any] | None) -> RunPlugins:
    """
    Build the plugins of a specification.

    Raises:
        PluginError: A plugin is not installed, or cannot be used.
        ConfigurationError: The settings of a plugin are not valid.
    """
    instances = Instances(settings if isinstance(settings, Settings) else Settings.load(settings))
    job = "conversation" if spec.conversation else "row"
    with _name_keys(INSTRUCTION_STRATEGY, spec.job.strategy, f"{job}.strategy", spec.origin):
        strategy = _build(instances, INSTRUCTION_STRATEGY, spec.job.strategy)
    modifiers = []
    for number, choice in enumerate(spec.modifiers):
        with _name_keys(PROMPT_MODIFIER, choice, f"{job}.modifiers[{number}]", spec.origin):
            modifiers.append(_build(instances, PROMPT_MODIFIER, choice))
    templates = tuple(_list_templates(spec, strategy, modifiers))
    stored = spec.storage or Choice(plugin=choose_storage(instances, spec.output))
    with _name_keys(STORAGE, stored, "storage", spec.origin):
        storage = instances.build(STORAGE, stored.plugin, {**stored.settings, "output": spec.location})
    check_storage(stored.plugin, storage.spec.outputs, spec.output)
    _refuse_secrets(STORAGE, stored, storage)
    return RunPlugins(
        strategy=GuardedStrategy(strategy),
        modifiers=tuple(map(GuardedModifier, modifiers)),
        storage=GuardedStorage(storage),
        identity={"strategy": _identity(strategy), "modifiers": [_identity(modifier) for modifier in modifiers]},
        templates=templates,
        unused_fields=_list_unused_fields(spec, templates, strategy),
    )


def _list_templates(
    spec: GenerationSpec, strategy: Instance[Any], modifiers: Sequence[Instance[Any]]
) -> Iterator[KeyedTemplate]:
    job = "conversation" if spec.conversation else "row"
    yield from find_templates(job, spec.job)
    yield from find_templates(f"{job}.strategy", strategy.settings)
    for number, modifier in enumerate(modifiers):
        yield from find_templates(f"{job}.modifiers[{number}]", modifier.settings)


def _list_unused_fields(
    spec: GenerationSpec, templates: Iterable[KeyedTemplate], strategy: Instance[Any]
) -> tuple[str, ...]:
    """Return the fields of seeds if no text uses one of them."""
    seeds = spec.job.strategy.settings.get("seeds")
    shows_records = spec.conversation is not None and strategy.spec.name == "seed-list"
    if shows_records or not isinstance(seeds, Sequence) or not seeds:
        return ()
    needs_placeholder = strategy.spec.name in _NAMED_SEEDS
    fields = tuple(seeds[0]) if isinstance(seeds[0], Mapping) else ("seed",) if needs_placeholder else ()
    used = {name for _, template in templates for name in template.names}
    return () if used & set(fields) else fields


def _build(instances: Instances, kind: Kind[Any], choice: Choice) -> Instance[Any]:
    instance = instances.build(kind, choice.plugin, choice.settings)
    _refuse_secrets(kind, choice, instance)
    return instance


@contextmanager
def _name_keys(kind: Kind[Any], choice: Choice, key: str, origin: Path | None) -> Iterator[None]:
    """Let errors in settings of a specification name the key and the line there, instead of a section of settings."""
    try:
        yield
    except ConfigurationError as error:
        section = f"[{kind.section}.{choice.plugin}]"
        problem = error.message.removeprefix(f"{section}: ")
        name = re.match(r"(?:unknown key )?'([\w-]+)[^']*'(?P<missing> is missing)?", problem)
        if problem == error.message or name is None or not (name[1] in choice.settings or name["missing"]):
            raise
        line = find_line(origin, f"{key}.{name[1]}")
        place = f"{origin.name}, line {line}: " if origin and line else ""
        hint = error.hint
        if name["missing"]:
            table = f'{{ plugin = "{choice.plugin}", {name[1]} = … }}'
            setting = key.rpartition(".")[2].partition("[")[0]
            value = f"[{table}]" if "[" in key else table
            hint = f"Set it in the specification, as {setting} = {value}, or in {section} of budwood.toml."
        raise type(error)(f"{place}{key}: {problem}", hint=hint) from error


def _refuse_secrets(kind: Kind[Any], choice: Choice, instance: Instance[Any]) -> None:
    """Check that the specification, which is saved in the journal and shared, contains no secret."""
    names = {field.alias or name: name for name, field in type(instance.settings).model_fields.items()}
    for name in choice.settings:
        if _holds_secret(getattr(instance.settings, names.get(name, name), None)):
            section = f"{kind.section}.{choice.plugin}"
            raise ConfigurationError(
                f"The specification contains a secret: {name!r} of {choice.plugin!r}. The journal would store it.",
                hint=f"Move it to budwood.toml, into [{section}].",
            )


def _holds_secret(value: object) -> bool:
    if isinstance(value, BaseModel):
        return any(_holds_secret(inner) for _, inner in value)
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        return not _PLAIN_TYPES.issuperset(map(type, value)) and any(map(_holds_secret, value))
    return isinstance(value, SecretStr | SecretBytes)


def _identity(instance: Instance[Any]) -> dict[str, JSON]:
    """Return the name and settings of a plugin. Large values are hashed once, and neither saved nor hashed again."""
    large = {
        name: value
        for name in type(instance.settings).model_fields
        if isinstance(value := getattr(instance.settings, name), list | tuple | dict) and len(value) > _MAX_ITEMS
    }
    settings: dict[str, JSON] = instance.settings.model_dump(mode="json", exclude=set(large))
    hashes = {name: f"sha256:{hashlib.sha256(to_json(value)).hexdigest()}" for name, value in large.items()}
    return {"plugin": instance.spec.name, "settings": settings | hashes}
