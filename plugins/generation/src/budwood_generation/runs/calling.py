"""Make the calls of a run, each once."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, cast

from pydantic_core import to_json

from budwood import AsyncClient, ChatResponse
from budwood.errors import BadResponseError, ContentFilterError
from budwood.types import Cell
from budwood.types.record import JSON
from budwood_generation.chance import request_seed
from budwood_generation.journal import CallDone, Entry, Journal
from budwood_generation.prompts import Question
from budwood_generation.runs.answer_text import answer_text
from budwood_generation.runs.progress import Meter


class Caller:
    """
    Asks models, and never twice what the journal holds.

    Args:
        client: Sends.
        journal: Holds what was asked before.
        meter: Counts the calls.
        seed: The seed of the run.
    """

    def __init__(self, client: AsyncClient, journal: Journal, meter: Meter, seed: int) -> None:
        self._client = client
        self._journal = journal
        self._meter = meter
        self._seed = seed

    async def recall(self, cell: Cell, turn: int, question: Question) -> str:
        """
        Return the text that the journal holds for a call, or ask and commit.

        Raises:
            BudwoodError: The call failed, or its reply is of no use for a dataset.
        """
        known = self._journal.call(cell.id, turn, question.purpose, _digest(question))
        if known is not None:
            return known.text
        done = await self.ask(cell, turn, question)
        await self.keep(done)
        return done.text

    async def ask(self, cell: Cell, turn: int, question: Question) -> CallDone:
        """
        Ask. The call does not count before it is kept, together with what follows from it.

        Raises:
            BudwoodError: The call failed, or its reply is of no use for a dataset.
        """
        response = await self._client.ask(list(question.messages), **self._options(cell, turn, question))
        text = answer_text(response.text)
        _check(response, text, question)
        return CallDone(
            row_id=cell.id,
            turn=turn,
            purpose=question.purpose,
            digest=_digest(question),
            text=text,
            value=cast("JSON", response.parsed),
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            cost=response.cost,
        )

    async def keep(self, done: CallDone, *entries: Entry) -> None:
        """Commit a call and what follows from it; only then does it count."""
        await asyncio.wrap_future(self._journal.commit(done, *entries))
        self._meter.kept(done, *entries)

    def _options(self, cell: Cell, turn: int, question: Question) -> dict[str, Any]:
        options = question.options.parameters()
        seed = request_seed(self._seed, cell.id, question.purpose, turn)
        schema = {} if question.schema is None else {"schema": question.schema}
        return {"model": question.model, "seed": seed, **schema, **options}


def _digest(question: Question) -> str:
    asked = [question.model, question.messages, question.options, question.schema]
    return hashlib.sha256(to_json(asked)).hexdigest()


def _check(response: ChatResponse, text: str, question: Question) -> None:
    """
    Check that a reply can be part of a dataset.

    Raises:
        ContentFilterError: The model or its vendor declined.
        BadResponseError: The reply was truncated, has no answer, or holds text that is not valid Unicode.
    """
    if response.finish_reason in ("content_filter", "refusal"):
        raise ContentFilterError(f"{question.model} declined to {question.purpose}.")
    if response.finish_reason == "length" and not question.options.keep_truncated:
        raise BadResponseError(
            f"The reply of {question.model} reached its token limit and was truncated.",
            hint="Raise max_tokens in the options of the model, or set keep_truncated = true there.",
        )
    if not text and question.schema is None:
        raise BadResponseError(_without_answer(response, question.model))
    try:
        to_json([text, response.parsed])
    except ValueError as error:
        raise BadResponseError(f"The reply of {question.model} is not valid Unicode: {error}.") from error


def _without_answer(response: ChatResponse, model: str) -> str:
    if response.text.strip() or response.reasoning:
        return f"The reply of {model} holds reasoning only, and no answer (finish reason: {response.finish_reason})."
    return f"The reply of {model} has no text (finish reason: {response.finish_reason})."
