"""``/v1/chat/completions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from budwood_server.formats.openai.chat_reply import encode_chat_reply
from budwood_server.formats.openai.chat_request import ChatCall, read_chat
from budwood_server.formats.prompts import prepend_to_chat
from budwood_server.gateway.calls import send_reply, send_stream
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import ChatResponse
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request

EMPTY_PAGE: Final[dict[str, object]] = {
    "object": "list",
    "data": [],
    "first_id": None,
    "last_id": None,
    "has_more": False,
}


async def create(request: Request) -> None:
    """Answer a chat."""
    body = await request.read_json()
    plan, prompt = await request.prepare_chat(body)
    prepend_to_chat(body, prompt)
    call = read_chat(body, plan)
    if call.is_streamed:
        await _stream(request, plan, call)
        return

    def encode(response: ChatResponse) -> dict[str, object]:
        return encode_chat_reply(response, plan.model, has_functions=call.has_functions)

    await send_reply(request.exchange, plan, plan.client.ask(call.messages, **call.options), encode)


async def list_stored(request: Request) -> None:
    """List stored chats. The server stores none: vendors that do list them for their own keys."""
    await request.exchange.send_json(EMPTY_PAGE)


async def refuse_stored(request: Request) -> NoReturn:
    """Answer a request for a stored chat."""
    raise reject(
        f"There is no stored chat {request.exchange.parameters['id']!r}: this server stores none.",
        status=404,
        code="not_found",
        hint="Chats that were created with store=true are stored by their vendor: ask it directly.",
    )


async def _stream(request: Request, plan: CallPlan, call: ChatCall) -> None:
    from budwood_server.formats.openai.chat_stream import ChatStreamEncoder

    stream = plan.client.stream(call.messages, **call.options)
    await send_stream(request.exchange, plan, stream, ChatStreamEncoder(plan, call))
