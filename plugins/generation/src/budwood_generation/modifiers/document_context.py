"""A modifier that adds the passage to the system message."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from budwood.contracts import PluginContext
from budwood.providing import PromptTemplate
from budwood.types import Cell, Message
from budwood_generation.modifiers.system import with_system


class DocumentContextSettings(BaseModel):
    """
    Settings of the modifier.

    Attributes:
        request: The text before the passage. The material of the cell fills its placeholders.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: PromptTemplate = PromptTemplate(
        "Answer from this passage alone. Where it does not hold the answer, say so."
    )


class DocumentContext:
    """Adds the passage to the system message. Without a passage, messages do not change."""

    def __init__(self, settings: DocumentContextSettings, _context: PluginContext) -> None:
        self._request = settings.request

    def modify(self, messages: tuple[Message, ...], cell: Cell) -> tuple[Message, ...]:
        """Add the passage to the system message."""
        if cell.passage is None:
            return messages
        return with_system(
            messages, f"{self._request.fill(cell.material)}\n\n<passage>\n{cell.passage.text}\n</passage>"
        )
