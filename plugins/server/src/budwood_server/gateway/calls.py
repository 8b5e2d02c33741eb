"""Make the call of a request, and send its reply: at once or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from budwood.errors import StructuredOutputError
from budwood_server.gateway.errors import describe
from budwood_server.gateway.rates import count_tokens
from budwood_server.gateway.reply_headers import list_headers

if TYPE_CHECKING:
    from budwood import AsyncChatStream, AsyncMediaStream
    from budwood.types import ChatResponse
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.replies.kept_streams import KeptStream
    from budwood_server.web.exchange import Exchange, Header
    from budwood_server.web.problems import Problem

    AnyStream = AsyncChatStream | AsyncMediaStream[Any, Any] | KeptStream

T = TypeVar("T")


class StreamEncoder(Protocol):
    """Encodes the events of a stream as chunks of an API; an empty chunk is not sent."""

    def start(self) -> bytes:
        """Return what comes before the first event."""
        ...

    def encode(self, events: Sequence[Any]) -> bytes:
        """Return the chunks for events that arrived together."""
        ...

    def finish(self, response: Any) -> bytes:  # noqa: ANN401 - of each service
        """Return the last chunks, with usage and cost."""
        ...

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Return the chunk that ends a stream that failed. It never says that the stream is complete."""
        ...


async def send_reply(exchange: Exchange, plan: CallPlan, call: Awaitable[T], encode: Any) -> T:  # noqa: ANN401 - of each API
    """
    Make a call while the client is connected, and send its reply.

    Args:
        exchange: The request.
        plan: What it asks for.
        call: The call.
        encode: Returns the body of the reply for the response of the call.
    """
    response: Any = await exchange.run(accept_mismatch(call))
    exchange.tokens = count_tokens(response)
    await exchange.send_json(encode(response), headers=list_response_headers(plan, response))
    return response  # type: ignore[no-any-return]


def list_response_headers(plan: CallPlan, response: Any) -> list[Header]:  # noqa: ANN401 - of each service
    """Return the headers of the reply for the response of a call."""
    return list_headers(
        response.provider,
        response.model,
        attempts=response.attempts,
        cost=response.cost,
        cached=response.cached,
        adaptations=(*plan.adaptations, *response.adaptations),
    )


async def send_stream(exchange: Exchange, plan: CallPlan, stream: AnyStream, encoder: StreamEncoder) -> None:
    """
    Make a streamed call while the client is connected, and send its chunks as they arrive.

    An error before the first chunk is that of any other call. If none has arrived for ``keep_alive`` seconds, the reply
    starts with a comment, and an error after that is a chunk.

    Raises:
        ClientGoneError: The client has left. The vendor's call is cancelled.
    """
    await exchange.run(_send_stream(exchange, plan, stream, encoder))


async def _send_stream(exchange: Exchange, plan: CallPlan, stream: AnyStream, encoder: StreamEncoder) -> None:
    keep_alive = plan.configuration.server.keep_alive
    async with stream, aclosing(_encode(exchange, stream, encoder)) as chunks:
        try:
            await exchange.send_events(chunks, lambda: _list_headers(plan, stream), keep_alive)
        except (Exception, asyncio.CancelledError) as error:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            if not exchange.is_started or isinstance(error, OSError) or (is_cancelled and not exchange.interruption):
                raise
            problem = exchange.accept_interruption() or describe(error)
            await exchange.send_part(encoder.fail(problem, exchange.request_id))
        await exchange.end_stream()


async def _encode(exchange: Exchange, stream: AnyStream, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    is_first = True
    response: Any
    try:
        async for events in stream.batches():
            chunk = encoder.encode(events)
            if is_first:
                chunk, is_first = encoder.start() + chunk, False
            if chunk:
                yield chunk
        response = stream.response
    except StructuredOutputError as error:
        response = _get_reply(error)
    exchange.tokens = count_tokens(response)
    yield (encoder.start() if is_first else b"") + encoder.finish(response)


async def accept_mismatch(call: Awaitable[T]) -> Any:  # noqa: ANN401 - of each API
    """Await a call. A reply that does not satisfy its schema is sent as it is: clients validate it themselves."""
    try:
        return await call
    except StructuredOutputError as error:
        return _get_reply(error)


def _get_reply(error: StructuredOutputError) -> ChatResponse:
    if error.response is None:
        raise error
    return error.response


def _list_headers(plan: CallPlan, stream: AnyStream) -> list[Header]:
    try:
        response = stream.response
    except Exception:  # noqa: BLE001 - nothing has arrived
        return list_headers(plan.provider, plan.name, adaptations=plan.adaptations)
    provider, model = response.provider or plan.provider, response.model or plan.name
    return list_headers(provider, model, adaptations=(*plan.adaptations, *response.adaptations))
