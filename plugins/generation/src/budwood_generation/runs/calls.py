"""The calls of a run. A call that is in the journal is not repeated."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any, cast

from pydantic_core import to_json

from budwood import AsyncClient, ChatResponse
from budwood.errors import BadResponseError, ContentFilterError
from budwood.types import Cell
from budwood.types.record import JSON
from budwood_generation.identity import FREE_OPTIONS
from budwood_generation.journal import CallDone, Entry, Journal
from budwood_generation.prompts import ModelRequest
from budwood_generation.randomness import request_seed
from budwood_generation.runs.answer_text import answer_text
from budwood_generation.runs.progress import Meter


class Caller:
    """
    Calls models, and takes finished calls from the journal.

    Args:
        client: Sends the requests.
        journal: Stores the finished calls.
        meter: Counts the calls.
        seed: The seed of the run.
    """

    def __init__(self, client: AsyncClient, journal: Journal, meter: Meter, seed: int) -> None:
        self._client = client
        self._journal = journal
        self._meter = meter
        self._seed = seed

    async def call_once(self, cell: Cell, turn: int, request: ModelRequest) -> str:
        """
        Return the text of a call: from the journal, or else from the model, and then commit it.

        Raises:
            BudwoodError: The call failed, or its reply cannot be used.
        """
        saved = self._journal.call(cell.index, turn, request.purpose, _digest(request))
        if saved is not None:
            return saved.text
        done = await self.call(cell, turn, request)
        await self.commit(done)
        return done.text

    async def call(self, cell: Cell, turn: int, request: ModelRequest) -> CallDone:
        """
        Call a model. The caller commits the result, together with the turn or row that it completes.

        Raises:
            BudwoodError: The call failed, or its reply cannot be used.
        """
        started, before = time.time(), time.monotonic()
        response = await self._client.ask(list(request.messages), **self._options(cell, turn, request))
        text = answer_text(response.text)
        _check_response(response, text, request)
        return CallDone(
            index=cell.index,
            turn=turn,
            purpose=request.purpose,
            digest=_digest(request),
            model=request.model,
            text=text,
            value=cast("JSON", response.parsed),
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            cost=response.cost,
            started=started,
            seconds=time.monotonic() - before,
        )

    async def commit(self, done: CallDone, *entries: Entry) -> None:
        """Commit a call and the entries that it completes, then count them."""
        await asyncio.wrap_future(self._journal.commit(done, *entries))
        self._meter.count(done, *entries)

    def _options(self, cell: Cell, turn: int, request: ModelRequest) -> dict[str, Any]:
        options = request.options.parameters()
        seed = request_seed(self._seed, cell.id, request.purpose, turn)
        schema = {} if request.schema is None else {"schema": request.schema}
        return {"model": request.model, "seed": seed, **schema, **options}


def _digest(request: ModelRequest) -> str:
    options = request.options.model_dump(exclude=set(FREE_OPTIONS))
    content = [request.model, request.messages, options, request.schema]
    return hashlib.sha256(to_json(content)).hexdigest()


def _check_response(response: ChatResponse, text: str, request: ModelRequest) -> None:
    """
    Check that a reply can be part of a dataset.

    Raises:
        ContentFilterError: The model refused, or a content filter stopped the reply.
        BadResponseError: The reply was truncated, has no answer, or contains text that is not valid Unicode.
    """
    if response.finish_reason in ("content_filter", "refusal"):
        raise ContentFilterError(f"{request.model} refused the request for the {request.purpose}.")
    if response.finish_reason == "length" and not request.options.keep_truncated:
        raise BadResponseError(
            f"The reply of {request.model} reached its token limit and was truncated.",
            hint="Raise max_tokens in the options of the model, or set keep_truncated = true there.",
        )
    if not text and request.schema is None:
        raise BadResponseError(
            _describe_missing_answer(response, request.model),
            hint="Raise max_tokens in the options of the model, or use another model.",
        )
    try:
        to_json([text, response.parsed])
    except ValueError as error:
        raise BadResponseError(
            f"The reply of {request.model} is not valid Unicode: {error}.", hint="Resume the run to try the row again."
        ) from error


def _describe_missing_answer(response: ChatResponse, model: str) -> str:
    if response.text.strip() or response.reasoning:
        return f"The reply of {model} contains only reasoning, no answer (finish reason: {response.finish_reason})."
    return f"The reply of {model} has no text (finish reason: {response.finish_reason})."
