"""
How plugins describe what they bring.

A plugin is a module with one or more functions marked by `hookimpl`, each named like a hook below and returning specs.
The entry point's name must be among the names of the specs. For media handlers and tokenizers, the media types or the
models follow the name, separated by spaces, so that only the plugin that is needed is imported:

.. code-block:: toml

    [project.entry-points."budwood.providers"]
    groq = "budwood_groq"

    [project.entry-points."budwood.media_handlers"]
    "tables text/csv text/tab-separated-values" = "budwood_tables"

.. code-block:: python

    @hookimpl
    def budwood_providers() -> Iterable[ProviderSpec]:
        return [ProviderSpec(name="groq", settings=lambda: GroqSettings, build=Groq, requires_api=(2, 0))]

Hooks only describe. No data passes through them: the object that `Spec.build` makes satisfies a Protocol of
`budwood.contracts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar

import pluggy
from pydantic import BaseModel

from budwood.contracts import (
    Cache,
    InstructionStrategy,
    LocalProvider,
    MediaHandler,
    Observer,
    PluginContext,
    PromptModifier,
    RemoteProvider,
    Storage,
    Tokenizer,
    Transports,
)
from budwood.types import Capability

API_VERSION: Final = (2, 0)
"""
The version of what plugins see: `budwood.errors`, `types`, `contracts`, `hooks`, `wire`, `providing`.

A plugin that requires (2, 2) runs on (2, 2), (2, 3) and so on, but not on (2, 1) or (3, 0).
"""

hookspec = pluggy.HookspecMarker("budwood")
hookimpl = pluggy.HookimplMarker("budwood")

S = TypeVar("S", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Spec(Generic[S, T]):
    """
    One thing that a plugin brings.

    Attributes:
        name: What users type.
        settings: Returns the Pydantic model of its settings; called when the settings are wanted.
        build: Makes the object from its settings; imports of a vendor's library belong in here.
        requires_api: The least `API_VERSION` that it needs.
        summary: One line for ``budwood plugins list``.
    """

    name: str
    settings: Callable[[], type[S]]
    build: Callable[[S, PluginContext], T]
    requires_api: tuple[int, int]
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class ProviderSpec(Spec[S, RemoteProvider | LocalProvider]):
    """
    A vendor of models.

    A field ``api_key`` (a `SecretStr`) of its settings becomes the credential that `Provider.authorize` gets.

    Attributes:
        capabilities: The upper bound of what its instances can do.
        environment: The vendor's own names of environment variables, by the field of the settings that they fill.
        needs_credential: Whether nothing may be sent without ``api_key``.
        exclusive: Mutually exclusive fields, such as authentication methods. If a higher-priority source sets one,
            values from lower-priority sources are ignored. Among variables of the environment the first wins.
        catalog_of: Further plugins whose rows of the catalog hold for its models, where it has none of its own.
        counts_output: Whether it refuses a request whose input and ``max_tokens`` together exceed the context window.
        inline: Of a `LocalProvider`: whether it answers so fast that async code may call it without a thread.
    """

    capabilities: frozenset[Capability] = frozenset()
    environment: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs_credential: bool = False
    exclusive: tuple[str, ...] = ()
    catalog_of: tuple[str, ...] = ()
    counts_output: bool = False
    inline: bool = False


@dataclass(frozen=True, kw_only=True)
class CacheSpec(Spec[S, Cache]):
    """
    A cache.

    Attributes:
        inline: Whether it is so fast that async code may call it without a thread.
    """

    inline: bool = False


class StorageSpec(Spec[S, Storage]):
    """A form in which datasets are written. Its settings have a field ``path``."""


@dataclass(frozen=True, kw_only=True)
class MediaHandlerSpec(Spec[S, MediaHandler]):
    """
    A kind of file that messages can hold.

    Attributes:
        media_types: The media types that it reads, as in ``"image/png"`` or ``"text/*"``; those of its entry point.
    """

    media_types: tuple[str, ...] = ()


class TransportSpec(Spec[S, Transports]):
    """A way to carry HTTP calls. Its settings are `budwood.wire.TransportSettings`, or more."""


class InstructionStrategySpec(Spec[S, InstructionStrategy]):
    """A way to decide what the users of a dataset's conversations ask."""


class PromptModifierSpec(Spec[S, PromptModifier]):
    """A change to the messages that an answering model sees."""


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec(Spec[S, Tokenizer]):
    """
    A way to count tokens on this machine.

    Attributes:
        models: Patterns of the models that it may know, as ``PLUGIN/MODEL``: ``"openai/gpt-4o*"``; those of its entry
            point.
    """

    models: tuple[str, ...] = ()


class ObserverSpec(Spec[S, Observer]):
    """What is told of each call: a usage store, telemetry. It runs only where ``observers`` names it."""


@hookspec
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe providers. Entry-point group ``budwood.providers``."""
    return ()


@hookspec
def budwood_caches() -> Iterable[CacheSpec[Any]]:
    """Describe caches. Entry-point group ``budwood.caches``."""
    return ()


@hookspec
def budwood_storages() -> Iterable[StorageSpec[Any]]:
    """Describe storages. Entry-point group ``budwood.storages``."""
    return ()


@hookspec
def budwood_media_handlers() -> Iterable[MediaHandlerSpec[Any]]:
    """Describe media handlers. Entry-point group ``budwood.media_handlers``."""
    return ()


@hookspec
def budwood_instruction_strategies() -> Iterable[InstructionStrategySpec[Any]]:
    """Describe instruction strategies. Entry-point group ``budwood.instruction_strategies``."""
    return ()


@hookspec
def budwood_prompt_modifiers() -> Iterable[PromptModifierSpec[Any]]:
    """Describe prompt modifiers. Entry-point group ``budwood.prompt_modifiers``."""
    return ()


@hookspec
def budwood_tokenizers() -> Iterable[TokenizerSpec[Any]]:
    """Describe tokenizers. Entry-point group ``budwood.tokenizers``."""
    return ()


@hookspec
def budwood_transports() -> Iterable[TransportSpec[Any]]:
    """Describe transports. Entry-point group ``budwood.transports``."""
    return ()


@hookspec
def budwood_observers() -> Iterable[ObserverSpec[Any]]:
    """Describe observers. Entry-point group ``budwood.observers``."""
    return ()


class Kind(NamedTuple, Generic[T]):
    """
    One kind of plugin: what users call it, where it is found, and what its hook returns.

    Attributes:
        label: What users call one.
        section: The table of the settings that holds its instances.
        spec: What the hook returns.
        protocols: What an object that it builds satisfies: one of these.
        patterns: The field of the spec whose values follow the name in the entry point; empty if the kind has none.
        plural: The word in the names of the entry-point group and the hook; by default that of the section.
    """

    label: str
    section: str
    spec: type[T]
    protocols: tuple[type, ...]
    patterns: str = ""
    plural: str = ""

    @property
    def group(self) -> str:
        """The entry-point group."""
        return f"budwood.{self.plural or self.section}"

    @property
    def hook(self) -> str:
        """The name of the hook."""
        return f"budwood_{self.plural or self.section}"


PROVIDER: Final = Kind("provider", "providers", ProviderSpec, (RemoteProvider, LocalProvider))
CACHE: Final = Kind("cache", "caches", CacheSpec, (Cache,))
STORAGE: Final = Kind("storage", "storages", StorageSpec, (Storage,))
MEDIA_HANDLER: Final = Kind("media handler", "media_handlers", MediaHandlerSpec, (MediaHandler,), "media_types")
INSTRUCTION_STRATEGY: Final = Kind(
    "instruction strategy", "instruction_strategies", InstructionStrategySpec, (InstructionStrategy,)
)
PROMPT_MODIFIER: Final = Kind("prompt modifier", "prompt_modifiers", PromptModifierSpec, (PromptModifier,))
TOKENIZER: Final = Kind("tokenizer", "tokenizers", TokenizerSpec, (Tokenizer,), "models")
TRANSPORT: Final = Kind("transport", "transports", TransportSpec, (Transports,))
OBSERVER: Final = Kind("observer", "observer", ObserverSpec, (Observer,), plural="observers")
"""Its section is ``[observer.NAME]``: ``observers`` is the list of those that run."""

KINDS: Final[tuple[Kind[Any], ...]] = (
    PROVIDER,
    CACHE,
    STORAGE,
    MEDIA_HANDLER,
    INSTRUCTION_STRATEGY,
    PROMPT_MODIFIER,
    TOKENIZER,
    TRANSPORT,
    OBSERVER,
)
"""All kinds of plugin. A further kind is one more spec, one more hook, one more row."""
