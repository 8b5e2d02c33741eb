"""
A bare relay: raw ASGI and our client, without keys, limits, records or errors. The gateway is compared with it.

Usage: ``UPSTREAM=http://127.0.0.1:PORT/v1 python -m uvicorn tests.benchmarks.gateway.relay:app``
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic_core import from_json, to_json

from budwood import AsyncClient

Message = dict[str, Any]

client = AsyncClient(
    settings={"providers": {"upstream": {"plugin": "openai-compatible", "base_url": os.environ["UPSTREAM"]}}},
    transport="httptools",
)


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]):
    """
    Answer a chat.
    """
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await client.close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    chat = from_json(body)
    reply = await client.ask(chat["messages"], model="upstream/bench", temperature=chat.get("temperature"))
    content = {"role": "assistant", "content": reply.text}
    usage = {
        "prompt_tokens": reply.usage.input_tokens,
        "completion_tokens": reply.usage.output_tokens,
        "total_tokens": reply.usage.total_tokens,
    }
    encoded = to_json(
        {
            "id": reply.id,
            "object": "chat.completion",
            "model": reply.model,
            "choices": [{"index": 0, "message": content, "finish_reason": reply.finish_reason}],
            "usage": usage,
        }
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(encoded)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": encoded})
