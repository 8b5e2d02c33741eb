"""Replies that are made in the background by this worker, for vendors that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from budwood_server.gateway.calls import accept_mismatch
from budwood_server.gateway.errors import describe
from budwood_server.gateway.signs import with_signs

if TYPE_CHECKING:
    from budwood.types import ChatResponse
    from budwood_server.formats.openai.responses_reply import ResponseForm
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.replies.store import ReplyStore, StoredReply

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
        body = form.encode(await with_signs(accept_mismatch(ask()), lambda: store.extend(stored.id)))
    except asyncio.CancelledError:
        await store.replace(stored, form.encode_failure(describe(_ENDED), []))
        raise
    except Exception as error:  # noqa: BLE001 - it becomes the state of the reply
        body = form.encode_failure(describe(error), [])
    await store.replace(stored, body)
