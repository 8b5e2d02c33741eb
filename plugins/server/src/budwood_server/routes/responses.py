"""``/v1/responses``: OpenAI's Responses API."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from budwood_server.formats.openai.responses_reply import ResponseForm
from budwood_server.formats.openai.responses_request import (
    TAG_FIELDS,
    ResponsesCall,
    forward_request,
    translate_request,
)
from budwood_server.formats.openai.responses_stream import ResponsesStreamEncoder
from budwood_server.gateway.calls import send_reply, send_stream
from budwood_server.gateway.plan import add_tags
from budwood_server.web.problems import ProblemError, reject, reject_unsupported

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request


_IN_STREAMS: Final = {"on_stream_failure": "raise", "repairs": 0}
"""Options of streams: what the client has received cannot be taken back."""


async def create(request: Request) -> None:
    """Answer a request."""
    body = await request.read_json()
    plan = await request.prepare(body)
    call = read_call(plan, body)
    form = ResponseForm(
        id=f"resp_{uuid.uuid4().hex}",
        created=int(time.time()),
        model=plan.name,
        request=body,
        custom_tools=call.custom_tools,
        forwards=call.forwards,
    )
    if _is_streamed(body):
        stream = plan.client.stream(call.messages, **plan.options | call.options | _IN_STREAMS)
        await send_stream(request.exchange, plan, stream, ResponsesStreamEncoder(form, plan.adaptations))
        return
    await send_reply(request.exchange, plan, plan.client.ask(call.messages, **plan.options | call.options), form.encode)


async def count_tokens(request: Request) -> None:
    """Count the input tokens of a request."""
    body = await request.read_json()
    plan = await request.prepare(body)
    call = read_call(plan, body)
    count = await request.exchange.run(plan.client.count_tokens(call.messages, **plan.options | call.options))
    await request.exchange.send_json({"object": "response.input_tokens", "input_tokens": count.input_tokens})


def read_call(plan: CallPlan, body: dict[str, Any]) -> ResponsesCall:
    """
    Return the call for a request, and add its tags to the plan.

    A model with the same API gets the fields unchanged, and so do those of its fallbacks that have it. If others are
    among them, a request that keeps no state and needs no adaptation is translated, so that all can answer it.

    Raises:
        ProblemError: A field is not valid, or cannot be translated.
    """
    for name in TAG_FIELDS:
        if name in body:
            add_tags(plan, name, body[name])
    has_responses = plan.configuration.has_responses
    if not has_responses(plan.options["model"]):
        _check_state(body, plan)
        return translate_request(body, plan.leave_out)
    same = [model for model in plan.fallbacks if has_responses(model)]
    if len(same) < len(plan.fallbacks):
        if body.get("store") is False and (call := _translate_exactly(body)) is not None:
            return call
        plan.fallbacks = plan.options["fallbacks"] = same
    return forward_request(body)


def _translate_exactly(body: dict[str, Any]) -> ResponsesCall | None:
    """Return the call for any API; None if it would differ from the request."""

    def refuse(name: str, reason: str) -> None:
        raise reject_unsupported(name, reason)

    if body.get("previous_response_id") or body.get("background"):
        return None
    try:
        return translate_request(body, refuse)
    except ProblemError:
        return None


def _check_state(body: dict[str, Any], plan: CallPlan) -> None:
    """Check the fields that need a place where replies are kept."""
    for name in ("previous_response_id", "background"):
        if body.get(name):
            raise reject_unsupported(name, "neither the vendor nor this server keeps replies")
    if body.get("store"):
        plan.leave_out("store", "neither the vendor nor this server keeps replies")


def _is_streamed(body: dict[str, Any]) -> bool:
    stream = body.get("stream")
    if stream not in (None, True, False):
        raise reject("The field 'stream' must be true or false.", param="stream")
    return bool(stream)
