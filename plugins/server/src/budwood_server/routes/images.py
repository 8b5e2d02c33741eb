"""``/v1/images``: generate and edit images."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from budwood_server.formats.openai.images import (
    FORM_VALUES,
    ImageCall,
    ImageStreamEncoder,
    encode_images,
    parse_images,
    parse_references,
    read_images,
)
from budwood_server.gateway.calls import send_reply, send_stream
from budwood_server.web.forms import is_form
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import ImageResponse
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request


async def generate(request: Request) -> None:
    """``POST /v1/images/generations``."""
    body = await request.read_json()
    plan = request.plan(body)
    await _send(request, plan, parse_images(body, plan))


async def edit(request: Request) -> None:
    """``POST /v1/images/edits``: a form with files, or JSON with URLs and ids of files."""
    async with AsyncExitStack() as stack:
        form = await stack.enter_async_context(request.read_form(FORM_VALUES)) if is_form(request.exchange) else None
        body = await request.read_json() if form is None else form.fields
        plan = await request.prepare(body)
        images, mask = parse_references(body) if form is None else read_images(form)
        call = parse_images(body, plan, images)
        if mask is not None:
            call.options["mask"] = mask
        await _send(request, plan, call)


async def vary(_request: Request) -> None:
    """
    ``POST /v1/images/variations``.

    Raises:
        ProblemError: Always: OpenAI has ended the API in May 2026, and no other vendor has it.
    """
    raise reject(
        "No configured provider has variations of images: OpenAI has ended them.",
        code="unsupported",
        hint="Use POST /v1/images/edits with a prompt that describes the variation.",
        status=404,
    )


async def _send(request: Request, plan: CallPlan, call: ImageCall) -> None:
    client = plan.client
    if call.is_streamed:
        stream = client.stream_image(call.prompt, call.images or None, **call.options)
        await send_stream(request.exchange, plan, stream, ImageStreamEncoder(call, plan))
        return

    def encode(response: ImageResponse) -> dict[str, Any]:
        return encode_images(response, call)

    reply = (
        client.edit_image(call.prompt, call.images, **call.options)
        if call.images
        else client.image(call.prompt, **call.options)
    )
    await send_reply(request.exchange, plan, reply, encode)
