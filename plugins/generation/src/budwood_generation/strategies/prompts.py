"""Messages that make a model write a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic_core import to_json

from budwood.providing import PromptTemplate
from budwood.types import Cell, Message, Turn
from budwood.types.record import JSON
from budwood_generation.strategies.seeds import MAX_ASKED


def ask_messages(
    role: str,
    cell: Cell,
    turns: Sequence[Turn],
    request: PromptTemplate,
    asked: int = MAX_ASKED,
    *,
    shows_material: bool = False,
) -> tuple[Message, ...]:
    """
    Return the messages that make a model write the next question.

    Args:
        role: The system message.
        cell: The cell, which may have a passage.
        turns: The conversation so far.
        request: The request at the end of the user message. The material of the cell fills its placeholders.
        asked: Number of questions of earlier rows that the message contains at most.
        shows_material: Whether the message contains the material of the cell as the subject.
    """
    sections = _sections(cell, turns, request, asked, shows_material=shows_material)
    return Message.system(role), Message.user("\n\n".join(sections))


def _sections(
    cell: Cell, turns: Sequence[Turn], request: PromptTemplate, asked: int, *, shows_material: bool
) -> Iterator[str]:
    if cell.passage is not None:
        yield f"<passage>\n{cell.passage.text}\n</passage>"
    if shows_material:
        fields = (f"{name}: {_as_text(value)}" for name, value in cell.material.items())
        yield "<subject>\n" + "\n".join(fields) + "\n</subject>"
    earlier = cell.asked[-asked:] if asked else ()
    if earlier:
        yield "Questions of other users about the same subject:\n" + "\n".join(f"- {question}" for question in earlier)
    if turns:
        history = "\n".join(f"User: {turn.question}\nAssistant: {turn.answer}" for turn in turns)
        yield f"Conversation so far:\n{history}"
    hint = " Ask something that has not been asked yet." if turns or earlier else ""
    yield f"{request.fill(cell.material)}{hint} Write the question alone."


def _as_text(value: JSON) -> str:
    return value if isinstance(value, str) else to_json(value).decode()
