"""``POST /api/run`` with the header ``idempotency-key``: the model is asked once, however often the request is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic_core import to_json

from budwood_server.access.account_keys import AccountKey
from budwood_server.gateway.calls import accept_mismatch, list_response_headers
from budwood_server.gateway.rates import count_tokens
from budwood_server.gateway.request_options import CLIENT, PREFIX
from budwood_server.gateway.signs import with_signs
from budwood_server.idempotency.replies import HEADER, HEADERS, MAX_KEY, REPLAYED, StoredReply, identify
from budwood_server.idempotency.reservations import Reservation
from budwood_server.people.principals import from_key
from budwood_server.web.exchange import JSON_TYPE
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import ChatResponse
    from budwood_server.access.keys import ApiKey
    from budwood_server.formats.run import RunForm
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request
    from budwood_server.sessions.conversation import Conversation
    from budwood_server.web.exchange import Exchange, Header

T = TypeVar("T")

_KEY: Final = re.compile(f"[!-~]{{1,{MAX_KEY}}}")


async def answer_once(
    request: Request, key: str, answer: Callable[[Reservation], Awaitable[None]], *, is_stream: bool
) -> None:
    """
    Answer a request, or send the first reply again.

    A request that fails, or whose client leaves before the model has answered, makes the key free again.

    Args:
        request: The request, whose body was read.
        key: Its ``idempotency-key``.
        answer: Answers it by `send_once`.
        is_stream: Whether it asks for a stream, which is not kept.

    Raises:
        ProblemError: 400: the key is not valid or cannot be used; 409: it was used with another request, or the first
            request has not ended.
    """
    _check(request, key, is_stream=is_stream)
    body = await request.exchange.read_body(request.configuration.server.max_body, 0.0)  # it was read before
    identity = identify(_refer(request.key), key, (*_list_parts(request.exchange), body))
    reservation = Reservation(request.database, identity)
    if (first := await reservation.take()) is not None:
        await _replay(request.exchange, first)
        return
    try:
        await answer(reservation)
    except BaseException:
        await reservation.release()
        raise


async def send_once(
    request: Request,
    plan: CallPlan,
    ask: Callable[[], Awaitable[ChatResponse]],
    *,
    conversation: Conversation,
    form: RunForm,
    reservation: Reservation,
) -> None:
    """
    Make a call while the client is connected, keep its reply together with the messages of its session, and send it.

    Args:
        request: The request.
        plan: What it asks for.
        ask: Makes the call.
        conversation: Its messages.
        form: Encodes the reply.
        reservation: Keeps it.
    """

    async def keep(response: ChatResponse) -> bytes:
        content = to_json(form.encode(response), inf_nan_mode="null")
        async with request.database.write() as connection:
            await conversation.keep(response, transaction=connection)
            await reservation.save(connection, content)
        return content

    async def call() -> tuple[ChatResponse, bytes]:
        response = await with_signs(accept_mismatch(ask()), reservation.extend)
        return response, await _complete(keep(response))

    response, content = await request.exchange.run(call())
    request.exchange.tokens = count_tokens(response)
    await request.exchange.send(200, content, (JSON_TYPE, *list_response_headers(plan, response)))


async def _complete(change: Coroutine[Any, Any, T]) -> T:
    """Await a change to its end, also if the client leaves meanwhile."""
    task = asyncio.create_task(change)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise


def _check(request: Request, key: str, *, is_stream: bool) -> None:
    if not _KEY.fullmatch(key):
        hint = f"Send 1 to {MAX_KEY} ASCII characters without spaces, such as a UUID."
        raise reject(f"The header {HEADER} is not valid.", param=HEADER, hint=hint)
    if is_stream:
        raise reject(
            f"A stream cannot be sent again, so that it takes no {HEADER}.",
            param=HEADER,
            code="unsupported_field",
            hint=f"Leave out 'stream' or the header {HEADER}.",
        )
    if request.worker.database is None:
        raise reject(
            f"This server has no database, so that it cannot keep replies for an {HEADER}.",
            param=HEADER,
            code="idempotency_unavailable",
            hint=f"Leave out the header {HEADER}, or have the operator set database in [server].",
        )


def _refer(key: ApiKey) -> str:
    return key.id if isinstance(key, AccountKey) else from_key(key).reference


def _list_parts(exchange: Exchange) -> Iterator[bytes]:
    """Yield what a request asks for besides its body: options in headers, too."""
    yield f"{exchange.method} {exchange.path}?".encode() + exchange.scope["query_string"] + b"\n"
    for name, value in sorted(exchange.headers_with(PREFIX)):
        if name != CLIENT:
            yield f"{name}: {value}\n".encode()


async def _replay(exchange: Exchange, first: StoredReply) -> None:
    headers: list[Header] = [(name.encode(), value.encode()) for name, value in (HEADERS | REPLAYED).items()]
    await exchange.send(first.status, first.content, (JSON_TYPE, *headers))
