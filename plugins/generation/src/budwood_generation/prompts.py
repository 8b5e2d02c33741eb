"""What the models of a run are asked: pure functions of the specification, the cell and the turns before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from budwood.types import Cell, Instruction, Message, Turn
from budwood_generation.chance import chance
from budwood_generation.plugins import Chosen
from budwood_generation.spec import ConversationSpec, GenerationSpec, ModelOptions, RowSpec


@dataclass(frozen=True, slots=True)
class Question:
    """One call to be made: of which model, with what."""

    purpose: str
    model: str
    messages: tuple[Message, ...]
    options: ModelOptions
    schema: dict[str, Any] | None = None


def instruction(spec: GenerationSpec, chosen: Chosen, cell: Cell, turns: Sequence[Turn]) -> Instruction:
    """Let the strategy say what comes next."""
    return chosen.strategy.instruct(cell, turns, chance(spec.seed, cell.id, "instruct", len(turns)))


def asking(job: ConversationSpec, ask: tuple[Message, ...]) -> Question:
    """Have the asker write the question."""
    return Question("ask", job.asker or job.answerer, ask, job.asker_options)


def answering(job: ConversationSpec, chosen: Chosen, cell: Cell, turns: Sequence[Turn], question: str) -> Question:
    """Have the answerer answer, as the modifiers want it."""
    said = [message for turn in turns for message in (Message.user(turn.question), Message.assistant(turn.answer))]
    messages = _modified((*_system(job.system), *said, Message.user(question)), chosen, cell)
    return Question("answer", job.answerer, messages, job.answerer_options)


def valuing(spec: GenerationSpec, job: RowSpec, chosen: Chosen, cell: Cell) -> Question:
    """Have the model write a value; words that the strategy gives (a seed) stand below the instruction."""
    words = instruction(spec, chosen, cell, ()).text
    text = f"{job.instruction}\n\n{words}" if words else job.instruction
    messages = _modified((*_system(job.system), Message.user(text)), chosen, cell)
    return Question("value", job.model, messages, job.options, job.json_schema)


def _system(text: str | None) -> tuple[Message, ...]:
    return (Message.system(text),) if text else ()


def _modified(messages: tuple[Message, ...], chosen: Chosen, cell: Cell) -> tuple[Message, ...]:
    for modifier in chosen.modifiers:
        messages = modifier.modify(messages, cell)
    return messages
