"""Rows that are being created: which call each needs next, and what its reply completes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from budwood.errors import BadResponseError
from budwood.types import Cell, Instruction, Row, Turn
from budwood.types.record import JSON
from budwood_generation.journal import CallDone, Entry, RowDone, TurnDone
from budwood_generation.plugins import RunPlugins
from budwood_generation.prompts import answer_request, ask_request, next_instruction, system_text, value_request
from budwood_generation.reasoning import answer_message, value_fields
from budwood_generation.runs.calls import Call
from budwood_generation.spec import ConversationSpec, GenerationSpec, RowSpec


class OpenRow(Protocol):
    """A row that is being created. It knows the calls that are finished, and computes the next one from them."""

    @property
    def cell(self) -> Cell:
        """The cell of the row."""
        ...

    @property
    def is_started(self) -> bool:
        """Whether a call is finished."""
        ...

    @property
    def calls_left(self) -> int:
        """The number of calls that the row still needs at most."""
        ...

    def next_call(self) -> Call:
        """
        Return the next call.

        Raises:
            BudwoodError: There is none.
        """
        ...

    def accept(self, done: CallDone) -> Sequence[Entry]:
        """Continue after a finished call. Returns what it completes, to be committed with it."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedTurn:
    """A turn, and the reasoning of its answer if it is kept."""

    turn: Turn
    reasoning: str | None = None


class OpenConversation:
    """
    A conversation, which ends early if the strategy returns an empty instruction.

    Args:
        spec: The specification.
        job: The part of it about conversations.
        plugins: The plugins of the run.
        cell: The cell.
        finished: The finished turns.
        find_asked: Returns what was asked before about the same passage or material. Called when the row starts.
    """

    __slots__ = ("_find_asked", "_finished", "_instruction", "_job", "_plugins", "_question", "_spec", "cell")

    def __init__(
        self,
        spec: GenerationSpec,
        job: ConversationSpec,
        plugins: RunPlugins,
        cell: Cell,
        finished: Sequence[FinishedTurn] = (),
        *,
        find_asked: Callable[[Cell], tuple[str, ...]] | None = None,
    ) -> None:
        self.cell = cell
        self._spec = spec
        self._job = job
        self._plugins = plugins
        self._finished = list(finished)
        self._find_asked = find_asked
        self._instruction: Instruction | None = None
        self._question: str | None = None

    @property
    def is_started(self) -> bool:
        """Whether a call is finished."""
        return bool(self._finished) or self._question is not None

    @property
    def calls_left(self) -> int:
        """The number of calls that the conversation still needs at most."""
        return 2 * (self.cell.turns - len(self._finished)) - (self._question is not None)

    def next_call(self) -> Call:
        """
        Return the request for the next question, or for the answer to it.

        Raises:
            BadResponseError: The strategy returned no question.
        """
        instruction = self._instruction or self._instruct()
        if instruction is None:
            raise BadResponseError(
                f"The strategy {self._job.strategy.plugin!r} returned no question.",
                hint="Check its settings, or report this to its authors.",
            )
        self._instruction = instruction
        number, turns = len(self._finished), self._turns
        question = self._question or instruction.text
        if question is None:
            return Call(self.cell, number, ask_request(self._job, instruction.ask))
        return Call(self.cell, number, answer_request(self._job, self._plugins, self.cell, turns, question))

    def accept(self, done: CallDone) -> Sequence[Entry]:
        """Continue after a question or an answer."""
        if done.purpose == "ask":
            self._question = done.text
            return ()
        question = self._question or (self._instruction.text if self._instruction else None) or ""
        turn = Turn(question=question, answer=done.text)
        number = len(self._finished)
        self._finished.append(FinishedTurn(turn, done.reasoning))
        self._question, self._instruction = None, self._instruct()
        entry = TurnDone(index=self.cell.index, number=number, turn=turn)
        return (entry,) if self._instruction else (entry, RowDone(row=self._row()))

    @property
    def _turns(self) -> list[Turn]:
        return [finished.turn for finished in self._finished]

    def _instruct(self) -> Instruction | None:
        if len(self._finished) >= self.cell.turns:
            return None
        if self._find_asked is not None and self.cell.after is not None:
            self.cell = replace(self.cell, asked=self._find_asked(self.cell))
            self._find_asked = None
        instruction = next_instruction(self._spec, self._plugins, self.cell, self._turns)
        return instruction if instruction.text or instruction.ask else None

    def _row(self) -> Row:
        mode = self._job.answerer_options.reasoning
        system = system_text(self._job, self.cell)
        messages = [{"role": "system", "content": system}] if system else []
        for finished in self._finished:
            messages.append({"role": "user", "content": finished.turn.question})
            messages.append(answer_message(finished.turn.answer, finished.reasoning, mode))
        models = {"asker": self._job.asker or self._job.answerer, "answerer": self._job.answerer}
        return build_row(self.cell, {"messages": messages}, models)


class OpenValue:
    """
    A structured value, created by one call.

    Args:
        spec: The specification.
        job: The part of it about values.
        plugins: The plugins of the run.
        cell: The cell.
    """

    __slots__ = ("_job", "_plugins", "_question", "_spec", "cell")

    is_started = False
    calls_left = 1

    def __init__(self, spec: GenerationSpec, job: RowSpec, plugins: RunPlugins, cell: Cell) -> None:
        self.cell = cell
        self._spec = spec
        self._job = job
        self._plugins = plugins
        self._question = ""

    def next_call(self) -> Call:
        """Return the request for the value."""
        request = value_request(self._spec, self._job, self._plugins, self.cell)
        self._question = request.messages[-1].text
        return Call(self.cell, 0, request)

    def accept(self, done: CallDone) -> Sequence[Entry]:
        """Return the row."""
        turn = Turn(question=self._question, answer=done.text)
        content = {"value": done.value, **value_fields(done.reasoning, self._job.options.reasoning)}
        row = build_row(self.cell, content, {"model": self._job.model})
        return TurnDone(index=self.cell.index, number=0, turn=turn), RowDone(row=row)


def build_row(cell: Cell, content: Mapping[str, Any], models: Mapping[str, str]) -> Row:
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
