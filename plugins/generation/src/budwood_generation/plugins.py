"""The plugins that a specification names, made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretBytes, SecretStr

from budwood.contracts import InstructionStrategy, PromptModifier, Storage
from budwood.errors import ConfigurationError
from budwood.hooks import INSTRUCTION_STRATEGY, PROMPT_MODIFIER, STORAGE, Kind
from budwood.plugins import Instance, Instances
from budwood.settings import Settings
from budwood.types.record import JSON
from budwood_generation.guards import GuardedModifier, GuardedStorage, GuardedStrategy
from budwood_generation.spec import Choice, GenerationSpec


@dataclass(frozen=True, slots=True)
class Chosen:
    """
    What a run works with.

    Attributes:
        strategy: Decides what is asked.
        modifiers: Change what the answering model sees, in this order.
        storage: Writes the rows.
        identity: The names and settings of strategy and modifiers: what decides about the rows.
    """

    strategy: InstructionStrategy
    modifiers: tuple[PromptModifier, ...]
    storage: Storage
    identity: dict[str, JSON]


def choose(spec: GenerationSpec, settings: Settings | Mapping[str, Any] | None) -> Chosen:
    """
    Make the plugins of a specification.

    Raises:
        PluginError: One is not installed, or cannot be used.
        ConfigurationError: Its settings are wrong.
    """
    known = settings if isinstance(settings, Settings) else Settings.load(settings)
    instances = Instances(known)
    strategy = _made(instances, INSTRUCTION_STRATEGY, spec.job.strategy)
    modifiers = [_made(instances, PROMPT_MODIFIER, choice) for choice in spec.modifiers]
    storage = instances.build(STORAGE, spec.storage.plugin, {**spec.storage.settings, "path": spec.output_path})
    _refuse_secrets(STORAGE, spec.storage, storage)
    return Chosen(
        strategy=GuardedStrategy(strategy),
        modifiers=tuple(map(GuardedModifier, modifiers)),
        storage=GuardedStorage(storage),
        identity={"strategy": _identity(strategy), "modifiers": [_identity(modifier) for modifier in modifiers]},
    )


def _made(instances: Instances, kind: Kind[Any], choice: Choice) -> Instance[Any]:
    instance = instances.build(kind, choice.plugin, choice.settings)
    _refuse_secrets(kind, choice, instance)
    return instance


def _refuse_secrets(kind: Kind[Any], choice: Choice, instance: Instance[Any]) -> None:
    """See that a specification, which journals keep and people share, holds no secret."""
    known = instance.settings.model_dump() | instance.settings.model_dump(by_alias=True)
    for name in choice.settings:
        if _holds_secret(known.get(name)):
            section = f"{kind.section}.{choice.plugin}"
            raise ConfigurationError(
                f"The specification holds a secret, {name!r} of {choice.plugin!r}, which the journal would keep.",
                hint=f"Put it into budwood.toml, below [{section}], and leave it out here.",
            )


def _holds_secret(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_secret, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_holds_secret, value))
    return isinstance(value, SecretStr | SecretBytes)


def _identity(instance: Instance[Any]) -> dict[str, JSON]:
    return {"plugin": instance.spec.name, "settings": instance.settings.model_dump(mode="json")}
