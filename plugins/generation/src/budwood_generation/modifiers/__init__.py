"""The built-in prompt modifiers, registered like those of other plugins."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import PromptModifierSpec, hookimpl
from budwood_generation.modifiers.document_context import DocumentContext, DocumentContextSettings
from budwood_generation.modifiers.persona import PersonaModifier, PersonaModifierSettings

__all__ = [
    "DocumentContext",
    "DocumentContextSettings",
    "PersonaModifier",
    "PersonaModifierSettings",
    "budwood_prompt_modifiers",
]


@hookimpl
def budwood_prompt_modifiers() -> Iterable[PromptModifierSpec[Any]]:
    """Return the specs of the modifiers."""
    return [
        PromptModifierSpec(
            name="document-context",
            settings=lambda: DocumentContextSettings,
            build=DocumentContext,
            requires_api=(2, 0),
            summary="Add the passage to the system message.",
        ),
        PromptModifierSpec(
            name="persona",
            settings=lambda: PersonaModifierSettings,
            build=PersonaModifier,
            requires_api=(2, 0),
            summary="Add the persona to the system message.",
        ),
    ]
