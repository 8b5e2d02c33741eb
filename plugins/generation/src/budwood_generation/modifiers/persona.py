"""A modifier that adds the persona to the system message."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from budwood.contracts import PluginContext
from budwood.types import Cell, Message
from budwood_generation.modifiers.system import with_system


class PersonaModifierSettings(BaseModel):
    """
    Settings of the modifier.

    Attributes:
        request: The text to add, with the placeholder ``{persona}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str = "You speak with {persona}. Answer so that it helps this person."


class PersonaModifier:
    """Adds the persona to the system message. Without a persona, messages do not change."""

    def __init__(self, settings: PersonaModifierSettings, _context: PluginContext) -> None:
        self._request = settings.request

    def modify(self, messages: tuple[Message, ...], cell: Cell) -> tuple[Message, ...]:
        """Add the persona to the system message."""
        persona = cell.material.get("persona")
        if not isinstance(persona, str):
            return messages
        return with_system(messages, self._request.replace("{persona}", persona))
