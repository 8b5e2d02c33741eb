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
}
"""The table of the settings that holds instances of a kind; its entry-point group is ``budwood.`` and this."""

DESCRIPTIONS: Final[Mapping[KindOfPlugin, str]] = {
    KindOfPlugin.PROVIDER: "Models of {title}",
    KindOfPlugin.CACHE: "A cache in a folder",
    KindOfPlugin.STORAGE: "Datasets as CSV",
    KindOfPlugin.MEDIA: "Tables for models to read",
    KindOfPlugin.STRATEGY: "Fixed questions about passages",
    KindOfPlugin.MODIFIER: "Answers of a few sentences",
    KindOfPlugin.TOKENIZER: "Tokens of models that read words",
    KindOfPlugin.TRANSPORT: "HTTP calls over asyncio",
}
"""What the plugin is, as it is begun."""


PATTERNS: Final[Mapping[KindOfPlugin, str]] = {
    KindOfPlugin.MEDIA: "text/csv text/tab-separated-values",
    KindOfPlugin.TOKENIZER: "*/words-*",
}
"""What follows the name in the entry point: the media types, or the models, of the spec."""


def template_folders(kind: KindOfPlugin, family: Family) -> tuple[str, ...]:
    """Name the folders whose templates make up a package."""
    own = f"{kind}-{family}" if family is not Family.OWN else str(kind)
    return "every", own
