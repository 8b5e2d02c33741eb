"""``POST /api/run``: inference in one line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from budwood.names import did_you_mean
from budwood_server.api_models.run import RunBody, RunOptions
from budwood_server.formats.openai.chat_messages import find_further_content, reject_further_content
from budwood_server.formats.run import RunForm, RunStreamEncoder, check_schema
from budwood_server.formats.schemas import check_patterns
from budwood_server.gateway.calls import send_reply, send_stream
from budwood_server.gateway.plan import add_tags, list_allowed, plan_model
from budwood_server.gateway.request_options import PREFIX, read_request_options
from budwood_server.replies.kept_streams import KeptStream
from budwood_server.sessions.conversation import Conversation, open_conversation
from budwood_server.web.problems import describe_invalid, reject

if TYPE_CHECKING:
    from budwood.types import ChatResponse
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.gateway.prompts import RenderedPrompt
    from budwood_server.idempotency.reservations import Reservation
    from budwood_server.routes.requests import Request

_ONCE: Final = b"idempotency-key"

_OF_REQUESTS: Final = {*"cache cache_namespace label fallbacks routing timeout on_unsupported".split()}
"""The options that the policy of a key may forbid. The others are parameters of the model."""

_IN_STREAMS: Final = {"on_stream_failure": "raise", "repairs": 0}
"""Options of streams: what the client has received cannot be taken back."""


async def create(request: Request) -> None:
    """Answer a request, at once or as a stream."""
    body = _parse(await request.read_json())
    if (key := request.exchange.header(_ONCE)) is None:
        await _answer(request, body)
        return
    from budwood_server.routes.run_once import answer_once  # most requests have no such key

    await answer_once(request, key, lambda reservation: _answer(request, body, reservation), is_stream=body.stream)


async def _answer(request: Request, body: RunBody, reservation: Reservation | None = None) -> None:
    """
    Answer a request.

    Args:
        request: The request.
        body: Its body.
        reservation: Keeps the reply; None if it is not kept.
    """
    if body.options.schema_ is not None:
        check_patterns(body.options.schema_, "options.schema")
    plan = _plan(request, body)
    prompt = None if plan.prompt is None else await request.render(plan, plan.prompt)
    messages = await _list_messages(request, plan, body, prompt)
    conversation = await open_conversation(request, body.session, messages)
    if body.session is not None:
        add_tags(plan, "session", body.session)
    form = RunForm(
        request_id=request.exchange.request_id,
        prompt=None if prompt is None else prompt.version,
        session=body.session,
        has_schema=body.options.schema_ is not None,
        adaptations=plan.adaptations,
    )
    options = plan.options | _list_parameters(body.options)
    if body.stream:
        await _stream(request, plan, conversation, form, options | _IN_STREAMS)
    elif reservation is None:
        await send_reply(request.exchange, plan, _ask(plan, conversation, options), form.encode)
    else:
        from budwood_server.routes.run_once import send_once

        ask = partial(plan.client.ask, [*conversation.messages], **options)
        await send_once(request, plan, ask, conversation=conversation, form=form, reservation=reservation)


async def _ask(plan: CallPlan, conversation: Conversation, options: dict[str, Any]) -> ChatResponse:
    response = await plan.client.ask([*conversation.messages], **options)
    await conversation.keep(response)
    return response


async def _stream(
    request: Request, plan: CallPlan, conversation: Conversation, form: RunForm, options: dict[str, Any]
) -> None:
    async def keep(response: ChatResponse) -> None:
        check_schema(response, has_schema=form.has_schema)
        await conversation.keep(response)

    stream = KeptStream(plan.client.stream([*conversation.messages], **options), _ignore, keep)
    await send_stream(request.exchange, plan, stream, RunStreamEncoder(form))


async def _ignore(provider: str, vendor_id: str) -> None:
    """Keep nothing at the start of a stream."""


def _parse(body: dict[str, Any]) -> RunBody:
    try:
        return RunBody.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        is_inner = first["loc"][0] in ("options", "variables")
        where = ".".join(str(part) for part in first["loc"][: 2 if is_inner else 1])
        hint = None
        if first["type"] == "extra_forbidden":
            fields = RunOptions.model_fields if is_inner else RunBody.model_fields
            hint = did_you_mean(str(first["loc"][-1]), fields)
        raise reject(f"{where}: {describe_invalid(first)}.", param=where, hint=hint) from None


def _plan(request: Request, body: RunBody) -> CallPlan:
    """Return the plan of the call. Headers ``x-budwood-*`` set options as they do under ``/v1``."""
    allowed = list_allowed(request.configuration, request.key)
    headers = request.exchange.headers_with(PREFIX)
    options = body.options.model_dump(include=_OF_REQUESTS, exclude_none=True)
    requested = read_request_options(headers, options, allowed, prefix="options.")
    prompt = body.model_dump(include={"prompt", "variables"}, exclude_none=True)
    requested |= read_request_options((), prompt, allowed, prefix="")
    return plan_model(request.configuration, request.key, body.model, requested)


async def _list_messages(
    request: Request, plan: CallPlan, body: RunBody, prompt: RenderedPrompt | None
) -> list[Mapping[str, Any]]:
    """
    Return the messages of a request, those of its prompt first.

    Raises:
        ProblemError: There are none, or they are not valid.
    """
    given: list[Any] = [{"role": "user", "content": body.input}] if isinstance(body.input, str) else body.input or []
    if (found := find_further_content(given, is_native=False)) is not None:
        reject_further_content(found._replace(where=found.where.replace("messages", "input", 1)))
    await request.translate_files(plan, {"input": given})
    messages = [*(() if prompt is None else prompt.to_dicts()), *(given if body.input else ())]
    if not messages:
        raise reject("There is neither an input nor a prompt.", param="input", hint="Send a text as 'input'.")
    return messages


def _list_parameters(options: RunOptions) -> dict[str, Any]:
    """Return the options of the call that are parameters of the model."""
    return options.model_dump(by_alias=True, exclude_none=True, exclude=_OF_REQUESTS)
