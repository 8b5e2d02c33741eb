"""Creating rows: a conversation or a structured value for each cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from budwood.errors import BadResponseError
from budwood.types import Cell, Instruction, Row, Turn
from budwood.types.record import JSON
from budwood_generation.journal import Journal, RowDone, TurnDone
from budwood_generation.plugins import RunPlugins
from budwood_generation.prompts import answer_request, ask_request, next_instruction, system_text, value_request
from budwood_generation.runs.calls import Caller
from budwood_generation.spec import ConversationSpec, GenerationSpec, RowSpec


class RowGenerator(Protocol):
    """Creates rows of one kind."""

    async def create(self, cell: Cell) -> None:
        """Create the row of a cell and commit it. Turns that are in the journal are not repeated."""
        ...


class ConversationGenerator:
    """Creates conversations, turn by turn."""

    def __init__(
        self, spec: GenerationSpec, job: ConversationSpec, plugins: RunPlugins, caller: Caller, journal: Journal
    ) -> None:
        self._spec = spec
        self._job = job
        self._plugins = plugins
        self._caller = caller
        self._journal = journal

    async def create(self, cell: Cell) -> None:
        """Create a conversation. It ends early if the strategy returns an empty instruction."""
        turns = list(self._journal.turns(cell.index))
        instruction = self._next_instruction(cell, turns)
        if instruction is None and not turns:
            raise BadResponseError(
                f"The strategy {self._job.strategy.plugin!r} returned no question.",
                hint="Check its settings, or report this to its authors.",
            )
        while instruction is not None:
            number = len(turns)
            question = instruction.text or await self._caller.call_once(
                cell, number, ask_request(self._job, instruction.ask)
            )
            done = await self._caller.call(
                cell, number, answer_request(self._job, self._plugins, cell, turns, question)
            )
            turns.append(Turn(question=question, answer=done.text))
            instruction = self._next_instruction(cell, turns)
            row = [] if instruction else [RowDone(self._row(cell, turns))]
            await self._caller.commit(done, TurnDone(index=cell.index, number=number, turn=turns[-1]), *row)

    def _next_instruction(self, cell: Cell, turns: list[Turn]) -> Instruction | None:
        if len(turns) >= cell.turns:
            return None
        instruction = next_instruction(self._spec, self._plugins, cell, turns)
        return instruction if instruction.text or instruction.ask else None

    def _row(self, cell: Cell, turns: list[Turn]) -> Row:
        text = system_text(self._job, cell)
        system = [{"role": "system", "content": text}] if text else []
        messages = [
            message
            for turn in turns
            for message in (
                {"role": "user", "content": turn.question},
                {"role": "assistant", "content": turn.answer},
            )
        ]
        models = {"asker": self._job.asker or self._job.answerer, "answerer": self._job.answerer}
        return _build_row(cell, {"messages": [*system, *messages]}, models)


class ValueGenerator:
    """Creates structured values, one for each row."""

    def __init__(self, spec: GenerationSpec, job: RowSpec, plugins: RunPlugins, caller: Caller) -> None:
        self._spec = spec
        self._job = job
        self._plugins = plugins
        self._caller = caller

    async def create(self, cell: Cell) -> None:
        """Create a value."""
        request = value_request(self._spec, self._job, self._plugins, cell)
        done = await self._caller.call(cell, 0, request)
        turn = Turn(question=request.messages[-1].text, answer=done.text)
        row = _build_row(cell, {"value": done.value}, {"model": self._job.model})
        await self._caller.commit(done, TurnDone(index=cell.index, number=0, turn=turn), RowDone(row))


def _build_row(cell: Cell, content: dict[str, Any], models: Mapping[str, str]) -> Row:
    """Return a row with its content, source and models."""
    data: dict[str, JSON] = {"id": cell.id, **content}
    if cell.passage is not None:
        data["source"] = {
            "document": cell.passage.document,
            "headings": list(cell.passage.headings),
            "passage": cell.passage.text,
        }
    if cell.material:
        data["material"] = cell.material
    return Row(id=cell.id, index=cell.index, data={**data, "models": dict(models)})
