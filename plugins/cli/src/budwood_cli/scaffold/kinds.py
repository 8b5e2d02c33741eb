"""The kinds of plugin that can be begun, and where the templates of each are."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class KindOfPlugin(StrEnum):
    """The kinds of `budwood.hooks.KINDS`, by the words that users type."""

    PROVIDER = "provider"
    CACHE = "cache"
    STORAGE = "storage"
    MEDIA = "media"
    STRATEGY = "strategy"
    MODIFIER = "modifier"
    TOKENIZER = "tokenizer"
    TRANSPORT = "transport"
    OBSERVER = "observer"


class Family(StrEnum):
    """What a provider speaks: an API of its vendor's own, or that of OpenAI; or it holds its models itself."""

    OWN = "own"
    OPENAI = "openai"
    LOCAL = "local"


SECTIONS: Final[Mapping[KindOfPlugin, str]] = {
    KindOfPlugin.PROVIDER: "providers",
    KindOfPlugin.CACHE: "caches",
    KindOfPlugin.STORAGE: "storages",
    KindOfPlugin.MEDIA: "media_handlers",
    KindOfPlugin.STRATEGY: "instruction_strategies",
    KindOfPlugin.MODIFIER: "prompt_modifiers",
    KindOfPlugin.TOKENIZER: "tokenizers",
    KindOfPlugin.TRANSPORT: "transports",
    KindOfPlugin.OBSERVER: "observer",
}
"""The table of the settings that holds instances of a kind."""

_PLURALS: Final[Mapping[KindOfPlugin, str]] = {KindOfPlugin.OBSERVER: "observers"}
"""The word in the name of the entry-point group, where it is not that of the table."""

DESCRIPTIONS: Final[Mapping[KindOfPlugin, str]] = {
    KindOfPlugin.PROVIDER: "Models of {title}",
    KindOfPlugin.CACHE: "A cache in a folder",
    KindOfPlugin.STORAGE: "Datasets as CSV",
    KindOfPlugin.MEDIA: "Tables for models to read",
    KindOfPlugin.STRATEGY: "Fixed questions about passages",
    KindOfPlugin.MODIFIER: "Answers of a few sentences",
    KindOfPlugin.TOKENIZER: "Tokens of models that read words",
    KindOfPlugin.TRANSPORT: "HTTP calls over asyncio",
    KindOfPlugin.OBSERVER: "Tokens counted by model",
}
"""What the plugin is, as it is begun."""


PATTERNS: Final[Mapping[KindOfPlugin, str]] = {
    KindOfPlugin.MEDIA: "text/csv text/tab-separated-values",
    KindOfPlugin.TOKENIZER: "*/words-*",
}
"""What follows the name in the entry point: the media types, or the models, of the spec."""


def group_of(kind: KindOfPlugin) -> str:
    """Return the entry-point group of a kind."""
    return f"budwood.{_PLURALS.get(kind, SECTIONS[kind])}"


def template_folders(kind: KindOfPlugin, family: Family) -> tuple[str, ...]:
    """Name the folders whose templates make up a package."""
    own = f"{kind}-{family}" if family is not Family.OWN else str(kind)
    return "every", own
