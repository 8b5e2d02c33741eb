"""The plugins that a specification names, made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budwood.contracts import InstructionStrategy, PromptModifier, Storage
from budwood.hooks import INSTRUCTION_STRATEGY, PROMPT_MODIFIER, STORAGE, Kind
from budwood.plugins import Instance, Instances
from budwood.settings import Settings
from budwood.types.record import JSON
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
    return Chosen(
        strategy=strategy.thing,
        modifiers=tuple(modifier.thing for modifier in modifiers),
        storage=storage.thing,
        identity={"strategy": _identity(strategy), "modifiers": [_identity(modifier) for modifier in modifiers]},
    )


def _made(instances: Instances, kind: Kind[Any], choice: Choice) -> Instance[Any]:
    return instances.build(kind, choice.plugin, choice.settings)


def _identity(instance: Instance[Any]) -> dict[str, JSON]:
    return {"plugin": instance.spec.name, "settings": instance.settings.model_dump(mode="json")}
