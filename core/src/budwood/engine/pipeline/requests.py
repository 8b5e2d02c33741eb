"""Adapt the request of a round to a model, or raise an error if the model cannot answer it."""

from __future__ import annotations

from typing import Any, cast

from budwood.contracts import SchemaProvider
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.offers import check_service, satisfies
from budwood.errors import UnsupportedError
from budwood.plugins import faults
from budwood.providing import check_messages, find_media, has_media
from budwood.types import Capability, ChatRequest, OutputSchema


def request_for(target: Target, round_: Round, *, is_complete: bool = False) -> Any:  # noqa: ANN401 - of any service
    """
    Check that a model can answer a round, and return the request for that model.

    Media that are complete are checked against the limits of the model. Before that, a media handler may convert them.

    Raises:
        PromptError: The messages are empty or not valid.
        UnsupportedError: The model does not support the request. Nothing was sent.
    """
    service, request = round_.service, round_.request
    if isinstance(request, ChatRequest):
        check_messages(request.messages)
    if getattr(request, "model", None) not in (None, target.model):
        request = request.model_copy(update={"model": target.model})
    if service.capability is Capability.CHAT:
        return _chat_request_for(target, round_, request, is_complete=is_complete)
    check_service(target, service)
    if is_complete and service.has_media:
        _check_limits(target, round_, request)
    return request


def _chat_request_for(target: Target, round_: Round, request: ChatRequest, *, is_complete: bool) -> ChatRequest:
    capabilities = check_chat(target)
    if has_media(request.messages):
        from budwood.engine.pipeline.media_limits import check_media  # chat without media

        check_media(target, request, capabilities)
        if is_complete:
            _check_limits(target, round_, request)
    if request.tools and Capability.TOOLS not in capabilities:
        raise UnsupportedError(f"{target.address} does not support tools.", hint="Choose a model that does.")
    if round_.output is not None:
        if not _takes_schema(target, round_.output.schema.schema):
            capabilities -= {Capability.JSON_SCHEMA}
        return round_.output.request_for(target.address, capabilities, request, is_first=round_.number == 0)
    return request


def _check_limits(target: Target, round_: Round, request: Any) -> None:  # noqa: ANN401 - see above
    from budwood.engine.pipeline.media_limits import check_limits  # requests without media need none
    from budwood.engine.uploads.choice import choose_uploads

    check_limits(target, find_media(request), choose_uploads(target, request, round_.call.upload))


def _takes_schema(target: Target, schema: OutputSchema) -> bool:
    """Return whether the vendor takes a schema; one that it rejects is sent as a tool, or in words."""
    provider = target.endpoint.remote
    if provider is None or not satisfies(type(provider), SchemaProvider):
        return True
    with faults.call_boundary(target.endpoint.source, "takes_schema"):
        return cast("SchemaProvider", provider).takes_schema(target.model, schema)


def check_chat(target: Target) -> frozenset[Capability]:
    """
    Check that a model supports chat, and return its capabilities.

    Raises:
        UnsupportedError: It does not.
    """
    capabilities = target.capabilities()
    if Capability.CHAT in capabilities:
        return capabilities
    from budwood.engine.pipeline.refusals import make_chat_refusal  # only errors need it

    raise make_chat_refusal(target)
