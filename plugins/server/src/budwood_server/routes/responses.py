"""``/v1/responses``: OpenAI's Responses API."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from budwood_server.formats.openai.foreign_fields import TAG_FIELDS
from budwood_server.formats.openai.responses_reply import ResponseForm
from budwood_server.formats.openai.responses_request import (
    ResponsesCall,
    forward_request,
    translate_request,
)
from budwood_server.formats.openai.responses_stream import ResponsesStreamEncoder
from budwood_server.formats.prompts import prepend_to_responses
from budwood_server.gateway.calls import accept_mismatch, list_response_headers, send_stream
from budwood_server.gateway.plan import add_tags
from budwood_server.gateway.rates import count_tokens as tokens_of
from budwood_server.gateway.reply_headers import list_headers
from budwood_server.replies.following import follow
from budwood_server.replies.kept_streams import KeptStream
from budwood_server.replies.state import ReplyState, open_state
from budwood_server.web.problems import ProblemError, reject, reject_unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budwood.types import ChatResponse
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request


_IN_STREAMS: Final = {"on_stream_failure": "raise", "repairs": 0}
"""Options of streams: what the client has received cannot be taken back."""


async def create(request: Request) -> None:
    """``POST /v1/responses``."""
    body = await request.read_json()
    request.check_objects(body)
    plan, prompt = await request.prepare_chat(body)
    prepend_to_responses(body, prompt)
    is_streamed, is_background = _read_flag(body, "stream"), _read_flag(body, "background")
    state = await open_state(request, plan, body)
    call = read_call(plan, state.body)
    form = ResponseForm(
        id=f"resp_{uuid.uuid4().hex}",
        created=int(time.time()),
        model=plan.name,
        request={**body, "store": state.keeper is not None},
        custom_tools=call.custom_tools,
        forwards=call.forwards,
    )
    plan.options |= call.options
    if is_background and state.keeper == "server":
        await _start_in_background(state, form, call.messages, is_streamed=is_streamed)
    elif is_background and not is_streamed:
        await _submit(state, form, call.messages)
    elif is_streamed:
        await _send_stream(state, form, call.messages)
    else:
        await _send_reply(state, form, call.messages)


async def _send_reply(state: ReplyState, form: ResponseForm, messages: list[Any]) -> None:
    exchange, plan = state.request.exchange, state.plan
    response: ChatResponse = await exchange.run(accept_mismatch(plan.client.ask(messages, **plan.options)))
    exchange.tokens = tokens_of(response)
    form.id = await state.give_id(response.provider, response.id) or form.id
    body = form.encode(response)
    await state.keep(body)
    await exchange.send_json(body, headers=list_response_headers(plan, response))


async def _send_stream(state: ReplyState, form: ResponseForm, messages: list[Any]) -> None:
    plan = state.plan
    encoder = ResponsesStreamEncoder(form, plan.adaptations)
    stream = plan.client.stream(messages, **plan.options | _IN_STREAMS)

    async def record(provider: str, vendor_id: str) -> None:
        form.id = await state.give_id(provider or plan.provider, vendor_id) or form.id

    async def keep(response: ChatResponse) -> None:
        await state.keep(encoder.end(response))

    await send_stream(state.request.exchange, plan, KeptStream(stream, record, keep), encoder)


async def _submit(state: ReplyState, form: ResponseForm, messages: list[Any]) -> None:
    """Have the vendor answer in the background."""
    exchange, plan = state.request.exchange, state.plan
    job = await exchange.run(plan.client.submit(messages, **plan.options))
    data = {"job": job.to_json(), "key": state.request.key.id, "model": plan.name}
    form.id = await state.give_id(job.ref.provider, job.id, data) or form.id
    headers = list_headers(job.ref.provider, plan.name, adaptations=(*plan.adaptations, *job.ref.adaptations))
    await exchange.send_json(form.make("queued", []), headers=headers)


async def _start_in_background(
    state: ReplyState, form: ResponseForm, messages: list[Any], *, is_streamed: bool
) -> None:
    request, plan = state.request, state.plan
    body, store, owner = form.make("queued", []), state.store, state.request.key.owner
    stored = await store.add(body, state.items, owner=owner, previous_id=state.previous_id)
    options, client = plan.options, plan.client
    request.worker.background.start(stored, store, form, lambda: client.ask(messages, **options), request.configuration)
    if is_streamed:
        await follow(request, lambda: store.read(stored.id, owner))
    else:
        headers = list_headers(plan.provider, plan.name, adaptations=plan.adaptations)
        await request.exchange.send_json(body, headers=headers)


async def count_tokens(request: Request) -> None:
    """Count the input tokens of a request."""
    body = await request.read_json()
    request.check_objects(body)
    plan, prompt = await request.prepare_chat(body)
    prepend_to_responses(body, prompt)
    call = read_call(plan, (await open_state(request, plan, body)).body)
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

    try:
        return translate_request(body, refuse)
    except ProblemError:
        return None


def _read_flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value not in (None, True, False):
        raise reject(f"The field {name!r} must be true or false.", param=name)
    return bool(value)
