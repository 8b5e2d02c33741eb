"""Replies that are made in the background by this worker, for vendors that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import StructuredOutputError
from budwood_server.gateway.errors import describe

if TYPE_CHECKING:
    from budwood.types import ChatResponse
    from budwood_server.formats.openai.responses_reply import ResponseForm
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.replies.store import ReplyStore, StoredReply

LEASE_SECONDS: Final = 60.0
"""How long a reply that is being made counts as such without a sign from its worker."""

_ENDED = RuntimeError("The server stops.")


class BackgroundReplies:
    """The tasks of a worker that make replies."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(
        self,
        stored: StoredReply,
        store: ReplyStore,
        form: ResponseForm,
        ask: Callable[[], Awaitable[ChatResponse]],
        configuration: Configuration,
    ) -> None:
        """
        Make a reply.

        Args:
            stored: The reply, which is queued.
            store: Keeps it.
            form: Encodes it.
            ask: Makes the call.
            configuration: Remains open until the call has ended.
        """
        configuration.begin()
        task = asyncio.get_running_loop().create_task(_make(stored, store, form, ask))
        self._tasks[stored.id] = task

        async def end() -> None:
            await asyncio.wait((task,))
            self._tasks.pop(stored.id, None)
            await configuration.end()

        task.add_done_callback(lambda _: asyncio.ensure_future(end()))

    def cancel(self, reply_id: str) -> None:
        """Stop making a reply, if this worker makes it. Another one stops at its next sign that it is being made."""
        if (task := self._tasks.get(reply_id)) is not None:
            task.cancel()

    async def close(self) -> None:
        """Stop all tasks. Their replies have failed."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _make(
    stored: StoredReply, store: ReplyStore, form: ResponseForm, ask: Callable[[], Awaitable[ChatResponse]]
) -> None:
    body = form.make("in_progress", [])
    try:
        if await store.replace(stored, body) is None:
            return
        body = form.encode(await _with_signs(stored, store, ask))
    except asyncio.CancelledError:
        await store.replace(stored, form.encode_failure(describe(_ENDED), []))
        raise
    except Exception as error:  # noqa: BLE001 - it becomes the state of the reply
        body = form.encode_failure(describe(error), [])
    await store.replace(stored, body)


async def _with_signs(
    stored: StoredReply, store: ReplyStore, ask: Callable[[], Awaitable[ChatResponse]]
) -> ChatResponse:
    """Make the call, and say meanwhile that the reply is being made, until it was cancelled."""
    call = asyncio.ensure_future(_accept_any_output(ask))
    signs = asyncio.ensure_future(_give_signs(stored.id, store, call))
    try:
        return await call
    finally:
        signs.cancel()
        with suppress(asyncio.CancelledError):
            await signs


async def _give_signs(reply_id: str, store: ReplyStore, call: asyncio.Future[Any]) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 4)
        if not await store.extend(reply_id):
            call.cancel()
            return


async def _accept_any_output(ask: Callable[[], Awaitable[ChatResponse]]) -> ChatResponse:
    try:
        return await ask()
    except StructuredOutputError as error:
        if error.response is None:
            raise
        return error.response
