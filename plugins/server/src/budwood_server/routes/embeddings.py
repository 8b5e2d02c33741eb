"""``POST /v1/embeddings``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood_server.formats.openai.embeddings import encode_embeddings, read_embedding
from budwood_server.gateway.calls import send_reply

if TYPE_CHECKING:
    from budwood.types import EmbeddingResponse
    from budwood_server.routes.requests import Request


async def create(request: Request) -> None:
    """Embed texts."""
    body = await request.read_json()
    plan = request.plan(body)
    call = read_embedding(body, plan)

    def encode(response: EmbeddingResponse) -> dict[str, object]:
        return encode_embeddings(response, plan.model, is_base64=call.is_base64)

    await send_reply(request.exchange, plan, plan.client.embed(call.texts, **call.options), encode)
