"""Make one row of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from budwood.errors import BadResponseError
from budwood.types import Cell, Instruction, Row, Turn
from budwood.types.record import JSON
from budwood_generation.journal import Journal, RowDone, TurnDone
from budwood_generation.plugins import Chosen
from budwood_generation.prompts import answering, asking, instruction, valuing
from budwood_generation.runs.calling import Caller
from budwood_generation.spec import ConversationSpec, GenerationSpec, RowSpec


class RowMaker(Protocol):
    """Makes rows of one kind."""

    async def make(self, cell: Cell) -> None:
        """Make the row of a cell, from wherever the journal stands, and commit it."""
        ...


class ConversationMaker:
    """Makes conversations, turn by turn."""

    def __init__(
        self, spec: GenerationSpec, job: ConversationSpec, chosen: Chosen, caller: Caller, journal: Journal
    ) -> None:
        self._spec = spec
        self._job = job
        self._chosen = chosen
        self._caller = caller
        self._journal = journal

    async def make(self, cell: Cell) -> None:
        """Make a conversation; a strategy that has no more to ask ends it before its last turn."""
        turns = list(self._journal.turns(cell.id))
        words = self._next(cell, turns)
        if words is None and not turns:
            raise BadResponseError(f"The strategy {self._job.strategy.plugin!r} asks nothing.")
        while words is not None:
            number = len(turns)
            question = words.text or await self._caller.recall(cell, number, asking(self._job, words.ask))
            done = await self._caller.ask(cell, number, answering(self._job, self._chosen, cell, turns, question))
            turns.append(Turn(question=question, answer=done.text))
            words = self._next(cell, turns)
            row = [] if words else [RowDone(self._row(cell, turns))]
            await self._caller.keep(done, TurnDone(row_id=cell.id, number=number, turn=turns[-1]), *row)

    def _next(self, cell: Cell, turns: list[Turn]) -> Instruction | None:
        if len(turns) >= cell.turns:
            return None
        words = instruction(self._spec, self._chosen, cell, turns)
        return words if words.text or words.ask else None

    def _row(self, cell: Cell, turns: list[Turn]) -> Row:
        system = [{"role": "system", "content": self._job.system}] if self._job.system else []
        said = [
            message
            for turn in turns
            for message in (
                {"role": "user", "content": turn.question},
                {"role": "assistant", "content": turn.answer},
            )
        ]
        models = {"asker": self._job.asker or self._job.answerer, "answerer": self._job.answerer}
        return _row(cell, {"messages": [*system, *said]}, models)


class ValueMaker:
    """Makes structured values, one a row."""

    def __init__(self, spec: GenerationSpec, job: RowSpec, chosen: Chosen, caller: Caller) -> None:
        self._spec = spec
        self._job = job
        self._chosen = chosen
        self._caller = caller

    async def make(self, cell: Cell) -> None:
        """Make a value."""
        question = valuing(self._spec, self._job, self._chosen, cell)
        done = await self._caller.ask(cell, 0, question)
        turn = Turn(question=question.messages[-1].text, answer=done.text)
        row = _row(cell, {"value": done.value}, {"model": self._job.model})
        await self._caller.keep(done, TurnDone(row_id=cell.id, number=0, turn=turn), RowDone(row))


def _row(cell: Cell, content: dict[str, Any], models: Mapping[str, str]) -> Row:
    """Write the row: what was made, and what it was made from."""
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
