"""``POST /v1/completions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.types import Capability
from budwood_server.formats.openai.completions import (
    CompletionStreamEncoder,
    encode_completion,
    read_completion,
)
from budwood_server.gateway.calls import send_reply, send_stream

if TYPE_CHECKING:
    from budwood.types import ChatResponse
    from budwood_server.routes.requests import Request


async def create(request: Request) -> None:
    """Continue a text. A model that only chats answers it."""
    body = await request.read_json()
    plan = request.plan(body)
    capabilities = plan.client.model(plan.options["model"]).capabilities
    call = read_completion(body, plan, is_chat=Capability.COMPLETION not in capabilities)
    client = plan.client
    if call.is_streamed:
        stream = (client.stream if call.is_chat else client.stream_completion)(call.prompt, **call.options)
        await send_stream(request.exchange, plan, stream, CompletionStreamEncoder(plan, call))
        return

    def encode(response: ChatResponse) -> dict[str, object]:
        return encode_completion(response, plan.model, call.echo)

    answer = (client.ask if call.is_chat else client.complete)(call.prompt, **call.options)
    await send_reply(request.exchange, plan, answer, encode)
