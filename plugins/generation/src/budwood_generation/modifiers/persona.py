"""A modifier that adds the persona to the system message."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from budwood.contracts import PluginContext
from budwood.providing import PromptTemplate
from budwood.types import Cell, Message
from budwood_generation.modifiers.system import with_system


class PersonaModifierSettings(BaseModel):
    """
    Settings of the modifier.

    Attributes:
        request: The text to add. The material of the cell fills its placeholders, such as ``{persona}``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: PromptTemplate = PromptTemplate("You speak with {persona}. Answer so that it helps this person.")


class PersonaModifier:
    """Adds the persona to the system message. Without a persona, messages do not change."""

    def __init__(self, settings: PersonaModifierSettings, _context: PluginContext) -> None:
        self._request = settings.request

    def modify(self, messages: tuple[Message, ...], cell: Cell) -> tuple[Message, ...]:
        """Add the persona to the system message."""
        if "persona" not in cell.material:
            return messages
        return with_system(messages, self._request.fill(cell.material))
