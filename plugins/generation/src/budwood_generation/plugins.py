"""The plugins that a specification names: loading and checking them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretBytes, SecretStr

from budwood.contracts import PromptModifier, Storage
from budwood.errors import ConfigurationError
from budwood.hooks import INSTRUCTION_STRATEGY, PROMPT_MODIFIER, STORAGE, Kind
from budwood.plugins import Instance, Instances
from budwood.settings import Settings
from budwood.types.record import JSON
from budwood_generation.guards import GuardedModifier, GuardedStorage, GuardedStrategy
from budwood_generation.outputs import choose_storage
from budwood_generation.spec import Choice, GenerationSpec


@dataclass(frozen=True, slots=True)
class RunPlugins:
    """
    The plugins of a run.

    Attributes:
        strategy: Plans the rows and writes or requests the questions.
        modifiers: Change the messages for the answering model, in this order.
        storage: Writes the rows.
        identity: Names and settings of the strategy and the modifiers, which determine the rows.
    """

    strategy: GuardedStrategy
    modifiers: tuple[PromptModifier, ...]
    storage: Storage
    identity: dict[str, JSON]


def build_plugins(spec: GenerationSpec, settings: Settings | Mapping[str, Any] | None) -> RunPlugins:
    """
    Build the plugins of a specification.

    Raises:
        PluginError: A plugin is not installed, or cannot be used.
        ConfigurationError: The settings of a plugin are not valid.
    """
    instances = Instances(settings if isinstance(settings, Settings) else Settings.load(settings))
    strategy = _build(instances, INSTRUCTION_STRATEGY, spec.job.strategy)
    modifiers = [_build(instances, PROMPT_MODIFIER, choice) for choice in spec.modifiers]
    choice = spec.storage or Choice(plugin=choose_storage(instances, spec.output))
    storage = instances.build(STORAGE, choice.plugin, {**choice.settings, "output": spec.location})
    _refuse_secrets(STORAGE, choice, storage)
    return RunPlugins(
        strategy=GuardedStrategy(strategy),
        modifiers=tuple(map(GuardedModifier, modifiers)),
        storage=GuardedStorage(storage),
        identity={"strategy": _identity(strategy), "modifiers": [_identity(modifier) for modifier in modifiers]},
    )


def _build(instances: Instances, kind: Kind[Any], choice: Choice) -> Instance[Any]:
    instance = instances.build(kind, choice.plugin, choice.settings)
    _refuse_secrets(kind, choice, instance)
    return instance


def _refuse_secrets(kind: Kind[Any], choice: Choice, instance: Instance[Any]) -> None:
    """Check that the specification, which is saved in the journal and shared, contains no secret."""
    values = instance.settings.model_dump() | instance.settings.model_dump(by_alias=True)
    for name in choice.settings:
        if _holds_secret(values.get(name)):
            section = f"{kind.section}.{choice.plugin}"
            raise ConfigurationError(
                f"The specification contains a secret: {name!r} of {choice.plugin!r}. The journal would store it.",
                hint=f"Move it to budwood.toml, into [{section}].",
            )


def _holds_secret(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_secret, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_holds_secret, value))
    return isinstance(value, SecretStr | SecretBytes)


def _identity(instance: Instance[Any]) -> dict[str, JSON]:
    return {"plugin": instance.spec.name, "settings": instance.settings.model_dump(mode="json")}
