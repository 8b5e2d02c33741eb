"""The words with which strategies have a model ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from budwood.types import Cell, Message, Turn


def asking(role: str, cell: Cell, turns: Sequence[Turn], request: str) -> tuple[Message, ...]:
    """
    Write the messages that make a model ask the next question.

    Args:
        role: Who the model shall be.
        cell: Holds the passage, if there is one.
        turns: The conversation so far.
        request: What to ask for.
    """
    return Message.system(role), Message.user("\n\n".join(_sections(cell, turns, request)))


def _sections(cell: Cell, turns: Sequence[Turn], request: str) -> Iterator[str]:
    if cell.passage is not None:
        yield f"<passage>\n{cell.passage.text}\n</passage>"
    if turns:
        said = "\n".join(f"User: {turn.question}\nAssistant: {turn.answer}" for turn in turns)
        yield f"Conversation so far:\n{said}"
        request = f"{request} Ask something that has not been asked yet."
    yield f"{request} Write the question alone."
