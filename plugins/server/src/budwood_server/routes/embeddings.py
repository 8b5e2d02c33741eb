"""``POST /v1/embeddings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood_server.formats.openai.embeddings import encode_embeddings, has_numbers, read_embedding
from budwood_server.gateway.calls import send_reply

if TYPE_CHECKING:
    from budwood.types import EmbeddingResponse
    from budwood_server.routes.requests import Request

SDK_LANGUAGE: Final = b"x-stainless-lang"
"""
The language of OpenAI's SDK. All ask for base64 by default, which some vendors ignore. That for Python takes what the
vendor sent, and in its strict mode only numbers; the others need base64.
"""


async def create(request: Request) -> None:
    """Embed texts."""
    body = await request.read_json()
    plan = request.plan(body)
    call = read_embedding(body, plan)

    takes_both = request.exchange.header(SDK_LANGUAGE) == "python"

    def encode(response: EmbeddingResponse) -> dict[str, object]:
        is_base64 = call.is_base64 and not (takes_both and has_numbers(response))
        return encode_embeddings(response, plan.model, is_base64=is_base64)

    await send_reply(request.exchange, plan, plan.client.embed(call.texts, **call.options), encode)
