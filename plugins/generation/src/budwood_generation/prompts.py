"""The requests of a run: pure functions of the specification, the cell and the earlier turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from budwood.types import Cell, Instruction, Message, Turn
from budwood_generation.plugins import RunPlugins
from budwood_generation.randomness import seeded_random
from budwood_generation.spec import ConversationSpec, GenerationSpec, ModelOptions, RowSpec


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call: its purpose, model, messages and options."""

    purpose: str
    model: str
    messages: tuple[Message, ...]
    options: ModelOptions
    schema: dict[str, Any] | None = None


def next_instruction(spec: GenerationSpec, plugins: RunPlugins, cell: Cell, turns: Sequence[Turn]) -> Instruction:
    """Return the strategy's instruction for the next turn."""
    return plugins.strategy.instruct(cell, turns, seeded_random(spec.seed, cell.id, "instruct", len(turns)))


def ask_request(job: ConversationSpec, ask: tuple[Message, ...]) -> ModelRequest:
    """Return the request that makes the asker write a question."""
    return ModelRequest("ask", job.asker or job.answerer, ask, job.asker_options)


def answer_request(
    job: ConversationSpec, plugins: RunPlugins, cell: Cell, turns: Sequence[Turn], question: str
) -> ModelRequest:
    """Return the request that makes the answerer answer, after the modifiers changed its messages."""
    history = [message for turn in turns for message in (Message.user(turn.question), Message.assistant(turn.answer))]
    messages = _apply_modifiers((*_system(job, cell), *history, Message.user(question)), plugins, cell)
    return ModelRequest("answer", job.answerer, messages, job.answerer_options)


def value_request(spec: GenerationSpec, job: RowSpec, plugins: RunPlugins, cell: Cell) -> ModelRequest:
    """
    Return the request for a structured value.

    A text from the strategy, such as a seed, follows the instruction, unless the placeholder ``{seed}`` contains it.
    """
    text = job.instruction.fill(cell.material)
    seed = next_instruction(spec, plugins, cell, ()).text
    if seed and "seed" not in job.instruction.names:
        text = f"{text}\n\n{seed}"
    messages = _apply_modifiers((*_system(job, cell), Message.user(text)), plugins, cell)
    return ModelRequest("value", job.model, messages, job.options, job.json_schema)


def system_text(job: ConversationSpec | RowSpec, cell: Cell) -> str | None:
    """Return the system message of a cell."""
    return job.system.fill(cell.material) if job.system else None


def _system(job: ConversationSpec | RowSpec, cell: Cell) -> tuple[Message, ...]:
    text = system_text(job, cell)
    return (Message.system(text),) if text else ()


def _apply_modifiers(messages: tuple[Message, ...], plugins: RunPlugins, cell: Cell) -> tuple[Message, ...]:
    for modifier in plugins.modifiers:
        messages = modifier.modify(messages, cell)
    return messages
