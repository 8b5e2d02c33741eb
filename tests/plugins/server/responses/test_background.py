"""Tasks of a worker that make replies."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from budwood_server.database import Database
from budwood_server.database.schema import upgrade
from budwood_server.formats.openai.responses_reply import ResponseForm
from budwood_server.replies.background import BackgroundReplies
from budwood_server.replies.store import ReplyStore


def test_a_reply_has_failed_if_its_worker_stops(sqlite_url):
    """
    The call is cancelled, and the configuration is no longer used.
    """

    async def main():
        database, uses, called = Database(sqlite_url), [], asyncio.Event()
        await upgrade(database)
        store, form = ReplyStore(database, 1), ResponseForm(id="resp_1", created=1, model="m")
        stored = await store.add(form.make("queued", []), [], owner="key-1", previous_id=None)

        async def ask():
            called.set()
            await asyncio.Event().wait()

        async def end():
            uses.append("end")

        replies = BackgroundReplies()
        replies.start(stored, store, form, ask, SimpleNamespace(begin=lambda: uses.append("begin"), end=end))
        await called.wait()
        running = await store.find("resp_1", "key-1")
        await replies.close()
        failed = await store.find("resp_1", "key-1")
        await database.close()
        return running.status, failed.status, uses

    assert asyncio.run(main()) == ("in_progress", "failed", ["begin", "end"])
