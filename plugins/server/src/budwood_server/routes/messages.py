"""``POST /v1/messages`` and ``POST /v1/messages/count_tokens``: Anthropic's API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from budwood.types import Adaptation, Capability
from budwood_server.formats.anthropic.messages_reply import encode_message
from budwood_server.formats.anthropic.messages_request import (
    MessagesCall,
    VersionHeaders,
    parse_prompt,
    parse_request,
)
from budwood_server.formats.anthropic.messages_stream import MessageStreamEncoder
from budwood_server.formats.prompts import prepend_to_messages
from budwood_server.gateway.calls import send_reply, send_stream
from budwood_server.gateway.reply_headers import list_headers
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import ChatResponse, TokenCount
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request

FIRST_VERSION: Final = "2023-06-01"
"""The oldest version of the API that is supported: in the one before, streams repeat the text."""

_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


async def create(request: Request) -> None:
    """Answer a conversation, at once or as a stream."""
    plan, body, headers = await _read(request)
    call = parse_request(body, plan, headers)
    message_id = request.exchange.request_id.replace("req_", "msg_", 1)
    options = plan.options | call.options
    if call.is_streamed:
        at_end = call.is_structured and _lacks_schemas(plan)
        stream = plan.client.stream(call.messages, **(options if at_end else options | _without_repairs(call)))
        await send_stream(request.exchange, plan, stream, MessageStreamEncoder(plan, message_id, at_end=at_end))
        return

    def encode(response: ChatResponse) -> dict[str, Any]:
        return encode_message(response, plan, is_structured=call.is_structured, message_id=message_id)

    await send_reply(request.exchange, plan, plan.client.ask(call.messages, **options), encode)


async def count_tokens(request: Request) -> None:
    """Count the tokens of a conversation. A header tells if it is an estimate, because the vendor does not count."""
    plan, body, versions = await _read(request)
    call = parse_prompt(body, plan, versions)
    count = await request.exchange.run(plan.client.count_tokens(call.messages, **plan.options | call.options))
    headers = list_headers(count.provider, count.model, adaptations=(*plan.adaptations, *_describe(count)))
    await request.exchange.send_json({"input_tokens": count.input_tokens}, headers=headers)


async def _read(request: Request) -> tuple[CallPlan, dict[str, Any], VersionHeaders]:
    version = request.exchange.header(b"anthropic-version")
    if version is not None and not (_VERSION.fullmatch(version) and version >= FIRST_VERSION):
        message = f"The version {version!r} of the API is not supported."
        raise reject(message, param="anthropic-version", hint=f"Send {FIRST_VERSION}, or a later one.")
    body = await request.read_json()
    request.check_objects(body)
    betas = (request.exchange.header(b"anthropic-beta") or "").split(",")
    headers = VersionHeaders(version, [beta for part in betas if (beta := part.strip())])
    plan, prompt = await request.prepare_chat(body)
    prepend_to_messages(body, prompt)
    return plan, body, headers


def _lacks_schemas(plan: CallPlan) -> bool:
    details = plan.configuration.client.model(plan.options["model"])
    return Capability.JSON_SCHEMA not in details.capabilities


def _without_repairs(call: MessagesCall) -> dict[str, int]:
    """Return options under which a reply is not asked for again, because its content has already been sent."""
    return {"repairs": 0} if call.is_structured else {}


def _describe(count: TokenCount) -> tuple[Adaptation, ...]:
    if count.exact:
        return ()
    reason = f"the vendor has not counted; between {count.low} and {count.high} by {count.source}"
    return (Adaptation(parameter="input_tokens", action="estimated", reason=reason),)
