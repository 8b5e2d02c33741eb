"""``POST /v1/moderations``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood_server.formats.openai.moderations import DEFAULT_MODEL, encode_moderation, read_moderation
from budwood_server.gateway.calls import send_reply

if TYPE_CHECKING:
    from budwood.types import ModerationResponse
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.routes.requests import Request


async def create(request: Request) -> None:
    """Classify texts and images."""
    body = await request.read_json()
    body.setdefault("model", _find_default(request.configuration))
    plan = request.plan(body)
    call = read_moderation(body, plan)

    def encode(response: ModerationResponse) -> dict[str, object]:
        return encode_moderation(response, plan.model)

    await send_reply(request.exchange, plan, plan.client.moderate(call.contents, **call.options), encode)


def _find_default(configuration: Configuration) -> str:
    """Return the model of requests that name none: that of OpenAI, which no catalog lists, if one provider has it."""
    owners = [each for each in configuration.providers if configuration.client.model(f"{each}/-").api == "openai"]
    if len(owners) != 1 or DEFAULT_MODEL in configuration.server.models:
        return DEFAULT_MODEL
    return f"{owners[0]}/{DEFAULT_MODEL}"
