"""The kinds of plugins that can be created, and their templates."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class KindOfPlugin(StrEnum):
    """The kinds in `budwood.hooks.KINDS`, by the names that users type."""

    PROVIDER = "provider"
    CACHE = "cache"
    STORAGE = "storage"
    MEDIA = "media"
    STRATEGY = "strategy"
    MODIFIER = "modifier"
    PROMPTS = "prompts"
    TOKENIZER = "tokenizer"
    TRANSPORT = "transport"
    OBSERVER = "observer"
    LIMITER = "limiter"


class Family(StrEnum):
    """The family of a provider: an API of its own, an OpenAI-compatible API, or local models."""

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
    KindOfPlugin.PROMPTS: "prompt_sources",
    KindOfPlugin.TOKENIZER: "tokenizers",
    KindOfPlugin.TRANSPORT: "transports",
    KindOfPlugin.OBSERVER: "observer",
    KindOfPlugin.LIMITER: "limiters",
}
"""The section of the settings for each kind."""

_PLURALS: Final[Mapping[KindOfPlugin, str]] = {KindOfPlugin.OBSERVER: "observers"}
"""The name in the entry-point group, if it differs from that of the section."""

DESCRIPTIONS: Final[Mapping[KindOfPlugin, str]] = {
    KindOfPlugin.PROVIDER: "Models of {title}",
    KindOfPlugin.CACHE: "A cache in a folder",
    KindOfPlugin.STORAGE: "Datasets as CSV",
    KindOfPlugin.MEDIA: "Tables as input for models",
    KindOfPlugin.STRATEGY: "Fixed questions about passages",
    KindOfPlugin.MODIFIER: "Answers of a few sentences",
    KindOfPlugin.PROMPTS: "Prompts in the settings",
    KindOfPlugin.TOKENIZER: "Tokens of models that count words",
    KindOfPlugin.TRANSPORT: "HTTP requests over asyncio",
    KindOfPlugin.OBSERVER: "Token counts by model",
    KindOfPlugin.LIMITER: "Limits inside a process",
}
"""The description of the plugin that the templates create."""


PATTERNS: Final[Mapping[KindOfPlugin, str]] = {
    KindOfPlugin.STORAGE: "*.csv",
    KindOfPlugin.MEDIA: "text/csv text/tab-separated-values",
    KindOfPlugin.TOKENIZER: "*/words-*",
}
"""The patterns after the name in the entry point: outputs, media types or models of the spec."""


def group_of(kind: KindOfPlugin) -> str:
    """Return the entry-point group of a kind."""
    return f"budwood.{_PLURALS.get(kind, SECTIONS[kind])}"


def template_folders(kind: KindOfPlugin, family: Family) -> tuple[str, ...]:
    """Return the template folders for a package."""
    own = f"{kind}-{family}" if family is not Family.OWN else str(kind)
    return "every", own
