"""
Make many equal calls at the same time, and print what they returned.

``python -m tests.e2e.programs.shared_calls KIND COUNT CACHE SETTINGS [--leave]``: the kind is tasks, threads,
task-streams or thread-streams. It prints ``ready`` when all calls share a request, and in the end a JSON object. With
``--leave``, the first call is cancelled before that.
"""

from __future__ import annotations

import asyncio
import collections
import json
import sys
import threading

from budwood import AsyncClient, Client
from tests.held_server import wait_for_members

PROMPT = "Hello"


async def ask(client: AsyncClient):
    """
    Ask once.
    """
    return await client.ask(PROMPT)


async def read(client: AsyncClient):
    """
    Read a stream.
    """
    async with client.stream(PROMPT) as stream:
        async for _ in stream:
            pass
    return stream.response


async def run_tasks(call, count: int, options: dict, *, leaves: bool):
    """
    Make the calls in tasks of an event loop.
    """
    async with AsyncClient(**options) as client:
        tasks = [asyncio.create_task(call(client)) for _ in range(count)]
        await asyncio.to_thread(wait_for_members, client, count)
        if leaves:
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        return await asyncio.gather(*tasks[leaves:])


def read_blocking(client: Client):
    """
    Read a stream in a thread.
    """
    with client.stream(PROMPT) as stream:
        for _ in stream:
            pass
    return stream.response


def run_threads(call, count: int, options: dict, *, leaves: bool):
    """
    Make the calls in threads. The first is a stream, which is left, if one shall leave.
    """
    replies = []
    threading.stack_size(256 * 1024)
    with Client(**options) as client:
        first = client.stream(PROMPT) if leaves else None
        if first is not None:
            next(iter(first))
        threads = [threading.Thread(target=lambda: replies.append(call(client))) for _ in range(count - leaves)]
        for thread in threads:
            thread.start()
        wait_for_members(client, count)
        if first is not None:
            first.close()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for thread in threads:
            thread.join()
    return replies


def main() -> None:
    """
    Run the calls, and print their results.
    """
    kind, count, cache, settings, *rest = sys.argv[1:]
    options = {"model": "local/tiny", "cache": cache, "settings": json.loads(settings), "retries": 0}
    leaves = rest == ["--leave"]
    if kind.startswith("task"):
        call = read if kind == "task-streams" else ask
        replies = asyncio.run(run_tasks(call, int(count), options, leaves=leaves))
    else:
        call = read_blocking if kind == "thread-streams" else lambda client: client.ask(PROMPT)
        replies = run_threads(call, int(count), options, leaves=leaves)
    texts = collections.Counter(reply.text for reply in replies)
    sys.stdout.write(json.dumps({"texts": texts, "charged": sum(not reply.cached for reply in replies)}))


if __name__ == "__main__":
    main()
