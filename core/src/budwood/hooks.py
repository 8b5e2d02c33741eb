"""
The hooks and specs with which plugins describe themselves.

A plugin is a module with one or more functions marked by `hookimpl`. Each has the name of a hook below and returns
specs. The name of the entry point must be the name of one of the specs. For media handlers and tokenizers, the media
types or the models follow the name, separated by spaces, so that only the required plugin is imported:

.. code-block:: toml

    [project.entry-points."budwood.providers"]
    groq = "budwood_groq"

    [project.entry-points."budwood.media_handlers"]
    "tables text/csv text/tab-separated-values" = "budwood_tables"

.. code-block:: python

    @hookimpl
    def budwood_providers() -> Iterable[ProviderSpec]:
        return [ProviderSpec(name="groq", settings=lambda: GroqSettings, build=Groq, requires_api=(2, 0))]

Hooks only return descriptions. The object that `Spec.build` returns does the work; it satisfies a Protocol of
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
    Limiter,
    LocalProvider,
    MediaHandler,
    Observer,
    PluginContext,
    PromptModifier,
    PromptSource,
    RemoteProvider,
    Storage,
    Tokenizer,
    Transports,
)
from budwood.types import Capability

API_VERSION: Final = (2, 0)
"""
The version of the plugin API: `budwood.errors`, `types`, `contracts`, `hooks`, `wire`, `providing`.

A plugin that requires (2, 2) works with (2, 2), (2, 3) and so on, but not with (2, 1) or (3, 0).
"""

MODELS_CHECK: Final = "models"
"""The value of `ProviderSpec.key_check` for vendors whose list of models requires a valid key."""

hookspec = pluggy.HookspecMarker("budwood")
hookimpl = pluggy.HookimplMarker("budwood")

S = TypeVar("S", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Spec(Generic[S, T]):
    """
    The description of a plugin.

    Attributes:
        name: The name that users type.
        settings: Returns the Pydantic model of the settings. It is called when the settings are needed.
        build: Builds the implementation from validated settings. Import a vendor's library in here.
        requires_api: The minimum `API_VERSION`.
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

    If the settings have a field ``api_key`` (a `SecretStr`), it is the credential that `Provider.authorize` receives.

    Attributes:
        capabilities: All capabilities that an instance may have.
        environment: The vendor's own environment variables, by the field of the settings that they fill.
        needs_credential: Whether ``api_key`` is required. If so, nothing is sent without it.
        exclusive: Mutually exclusive fields, such as authentication methods. If a higher-priority source sets one,
            values from lower-priority sources are ignored. Among variables of the environment the first wins.
        catalog_of: Further plugins whose catalog rows apply to its models, if it has none of its own.
        counts_output: Whether it rejects a request whose input and ``max_tokens`` together exceed the context window.
        inline: For a `LocalProvider`: whether it is fast enough for async code to call it without a thread.
        key_page: The URL of the page on which users create an API key; empty if there are no keys.
        key_pattern: A regular expression that every key of the vendor matches as a whole; empty unless the vendor
            documents the form. A key that does not match is reported, but not rejected.
        key_check: The request that checks a key without cost: `MODELS_CHECK` if the list of models requires a valid
            key, or the path of another GET request below the setting ``base_url``, such as ``"/key"``; empty without
            one.
        login_command: The command by which users log in instead of having a key; empty without one.
        api: The API whose parameters ``extra`` takes: ``"openai"`` for Chat Completions, ``"anthropic"`` for Messages;
            empty for another. A gateway passes parameters of the same API on unchanged.
    """

    capabilities: frozenset[Capability] = frozenset()
    environment: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs_credential: bool = False
    exclusive: tuple[str, ...] = ()
    catalog_of: tuple[str, ...] = ()
    counts_output: bool = False
    inline: bool = False
    key_page: str = ""
    key_pattern: str = ""
    key_check: str = ""
    login_command: str = ""
    api: str = ""


@dataclass(frozen=True, kw_only=True)
class CacheSpec(Spec[S, Cache]):
    """
    A cache.

    Attributes:
        inline: Whether it is fast enough for async code to call it without a thread.
        compressed: Whether long values are compressed before they are stored.
    """

    inline: bool = False
    compressed: bool = True


@dataclass(frozen=True, kw_only=True)
class StorageSpec(Spec[S, Storage]):
    """
    A place or a file format for datasets. Its settings have a field ``output``: an absolute path, or a URL.

    Attributes:
        outputs: Patterns of the outputs that it stores, such as ``"*.csv"`` or ``"s3://*"``; the same as in its entry
            point.
    """

    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MediaHandlerSpec(Spec[S, MediaHandler]):
    """
    A kind of file that messages can contain.

    Attributes:
        media_types: The media types that it reads, such as ``"image/png"`` or ``"text/*"``; the same as in its entry
            point.
    """

    media_types: tuple[str, ...] = ()


class TransportSpec(Spec[S, Transports]):
    """A way to send HTTP calls. Its settings are `budwood.wire.TransportSettings` or a subclass."""


class InstructionStrategySpec(Spec[S, InstructionStrategy]):
    """A way to generate the instructions of users in the conversations of a dataset."""


class PromptModifierSpec(Spec[S, PromptModifier]):
    """A change to the messages that the answering model receives."""


class PromptSourceSpec(Spec[S, PromptSource]):
    """A source of prompts by name. The setting ``prompts`` chooses one; by default it is ``"folder"``."""


@dataclass(frozen=True, kw_only=True)
class TokenizerSpec(Spec[S, Tokenizer]):
    """
    A way to count tokens on this machine.

    Attributes:
        models: Patterns of the models that it may support, as ``PLUGIN/MODEL``: ``"openai/gpt-4o*"``; the same as in
            its entry point.
    """

    models: tuple[str, ...] = ()


class ObserverSpec(Spec[S, Observer]):
    """A receiver of events about calls, such as a usage store or telemetry. It runs only if ``observers`` lists it."""


@dataclass(frozen=True, kw_only=True)
class LimiterSpec(Spec[S, Limiter]):
    """
    A keeper of limits. The setting ``limiter`` chooses one; by default it is ``"local"``.

    Attributes:
        inline: Whether it is fast enough for async code to call it without a thread. Claims with ``is_lasting`` have a
            thread nevertheless, unless the limiter is a `budwood.contracts.InlineLimiter` and says that they need none.
    """

    inline: bool = False


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
def budwood_prompt_sources() -> Iterable[PromptSourceSpec[Any]]:
    """Describe sources of prompts. Entry-point group ``budwood.prompt_sources``."""
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


@hookspec
def budwood_limiters() -> Iterable[LimiterSpec[Any]]:
    """Describe limiters. Entry-point group ``budwood.limiters``."""
    return ()


class Kind(NamedTuple, Generic[T]):
    """
    A kind of plugin.

    Attributes:
        label: The name of the kind in messages.
        section: The section of the settings with its instances.
        spec: The class of the specs that the hook returns.
        protocols: The Protocols of its implementations, which satisfy one of them.
        patterns: The field of the spec whose values follow the name in the entry point; empty if there is none.
        plural: The word in the names of the entry-point group and the hook; by default the section.
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
STORAGE: Final = Kind("storage", "storages", StorageSpec, (Storage,), "outputs")
MEDIA_HANDLER: Final = Kind("media handler", "media_handlers", MediaHandlerSpec, (MediaHandler,), "media_types")
INSTRUCTION_STRATEGY: Final = Kind(
    "instruction strategy", "instruction_strategies", InstructionStrategySpec, (InstructionStrategy,)
)
PROMPT_MODIFIER: Final = Kind("prompt modifier", "prompt_modifiers", PromptModifierSpec, (PromptModifier,))
PROMPT_SOURCE: Final = Kind("prompt source", "prompt_sources", PromptSourceSpec, (PromptSource,))
TOKENIZER: Final = Kind("tokenizer", "tokenizers", TokenizerSpec, (Tokenizer,), "models")
TRANSPORT: Final = Kind("transport", "transports", TransportSpec, (Transports,))
OBSERVER: Final = Kind("observer", "observer", ObserverSpec, (Observer,), plural="observers")
"""Its section is ``[observer.NAME]``, since ``observers`` is the list of those that run."""
LIMITER: Final = Kind("limiter", "limiters", LimiterSpec, (Limiter,))

KINDS: Final[tuple[Kind[Any], ...]] = (
    PROVIDER,
    CACHE,
    STORAGE,
    MEDIA_HANDLER,
    INSTRUCTION_STRATEGY,
    PROMPT_MODIFIER,
    PROMPT_SOURCE,
    TOKENIZER,
    TRANSPORT,
    OBSERVER,
    LIMITER,
)
"""All kinds of plugin. A new kind needs a spec, a hook and a row here."""
