"""``/v1/models``: what the key may use, in the form of the client's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood_server.formats.model_lists import (
    encode_anthropic_model,
    encode_anthropic_page,
    encode_openai_list,
    encode_openai_model,
)
from budwood_server.gateway.plan import resolve_allowed
from budwood_server.routes.client_api import ANTHROPIC, find_api

if TYPE_CHECKING:
    from budwood_server.routes.requests import Request


async def list_all(request: Request) -> None:
    """List the models."""
    resolve = request.configuration.names.resolve
    names = [name for name in request.configuration.names.list() if request.key.allows_model(name)]
    if _is_anthropic(request):
        body = encode_anthropic_page(names, request.exchange.query)
    else:
        body = encode_openai_list([(name, resolve(name).provider) for name in names])
    await request.exchange.send_json(body)


async def get(request: Request) -> None:
    """Describe a model."""
    name = request.exchange.parameters["id"]
    resolved = resolve_allowed(request.configuration, request.key, name)
    body = encode_anthropic_model(name) if _is_anthropic(request) else encode_openai_model(name, resolved.provider)
    await request.exchange.send_json(body)


def _is_anthropic(request: Request) -> bool:
    return find_api(request.exchange, None) == ANTHROPIC
