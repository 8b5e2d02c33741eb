"""``POST /v1/chat/completions``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from budwood_server.gateway.calls import send_reply

if TYPE_CHECKING:
    from budwood.types import ChatResponse
    from budwood_server.routes.requests import Request


async def create(request: Request) -> None:
    """Answer a chat."""
    body = await request.read_json()
    plan = request.plan(body)

    def encode(response: ChatResponse) -> dict[str, object]:
        message = {"role": "assistant", "content": response.text}
        return {
            "id": response.id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": response.model,
            "choices": [{"index": 0, "message": message, "finish_reason": response.finish_reason}],
        }

    await send_reply(request.exchange, plan, plan.client.ask(body["messages"], **plan.options), encode)
