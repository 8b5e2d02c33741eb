"""Messages that make a model write a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from budwood.types import Cell, Message, Turn


def ask_messages(role: str, cell: Cell, turns: Sequence[Turn], request: str) -> tuple[Message, ...]:
    """
    Return the messages that make a model write the next question.

    Args:
        role: The system message.
        cell: The cell, which may have a passage.
        turns: The conversation so far.
        request: The request at the end of the user message.
    """
    return Message.system(role), Message.user("\n\n".join(_sections(cell, turns, request)))


def _sections(cell: Cell, turns: Sequence[Turn], request: str) -> Iterator[str]:
    if cell.passage is not None:
        yield f"<passage>\n{cell.passage.text}\n</passage>"
    if turns:
        history = "\n".join(f"User: {turn.question}\nAssistant: {turn.answer}" for turn in turns)
        yield f"Conversation so far:\n{history}"
        request = f"{request} Ask something that has not been asked yet."
    yield f"{request} Write the question alone."
