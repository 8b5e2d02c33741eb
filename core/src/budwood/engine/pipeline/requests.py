"""Adapt the request of a round to a model, or raise an error if the model cannot answer it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, cast

from budwood.contracts import SchemaProvider
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.service import Service
from budwood.errors import UnsupportedError
from budwood.plugins import faults
from budwood.providing import check_capabilities, check_messages
from budwood.types import Capability, ChatRequest, OutputSchema

_OTHER_MODELS: Final[dict[str | None, tuple[str, str]]] = {
    "completion": ("a completion model", "Call client.complete(…), or choose a chat model."),
    "embedding": ("an embedding model", "Call client.embed(…), or choose a chat model."),
    "moderation": ("a moderation model", "Call client.moderate(…), or choose a chat model."),
    "image": ("an image model", "Choose a chat model."),
    "video": ("a video model", "Choose a chat model."),
    "speech": ("a speech model", "Choose a chat model."),
    "transcription": ("a transcription model", "Choose a chat model."),
    "realtime": ("a realtime model, which requires WebSockets", "Choose a chat model."),
}
"""Kinds of model other than chat, and what to do instead."""


def request_for(target: Target, round_: Round) -> Any:  # noqa: ANN401 - each service has requests of its own
    """
    Check that a model can answer a round, and return the request for that model.

    Raises:
        PromptError: The messages are empty or not valid.
        UnsupportedError: The model does not support the request. Nothing was sent.
    """
    service, request = round_.service, round_.request
    if isinstance(request, ChatRequest):
        check_messages(request.messages)
        if request.model != target.model:
            request = request.model_copy(update={"model": target.model})
    if service.capability is not Capability.CHAT:
        check_service(target, service)
        return request
    capabilities = check_chat(target)
    if Capability.IMAGE_INPUT not in capabilities:
        check_capabilities(request.messages, capabilities, target.address)
    if request.tools and Capability.TOOLS not in capabilities:
        raise UnsupportedError(f"{target.address} does not support tools.", hint="Choose a model that does.")
    if round_.output is not None:
        if not _takes_schema(target, round_.output.schema.schema):
            capabilities -= {Capability.JSON_SCHEMA}
        return round_.output.request_for(target.address, capabilities, request, is_first=round_.number == 0)
    return request


def _takes_schema(target: Target, schema: OutputSchema) -> bool:
    """Return whether the vendor takes a schema; one that it rejects is sent as a tool, or in words."""
    provider = target.endpoint.remote
    if provider is None or not _satisfies(type(provider), SchemaProvider):
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
    kind = target.endpoint.rules(target.model).kind
    if kind not in _OTHER_MODELS:
        raise UnsupportedError(f"{target.address} does not support chat.", hint="Choose a model that does.")
    description, hint = _OTHER_MODELS[kind]
    raise UnsupportedError(f"{target.address} is {description}. It does not support chat.", hint=hint)


def check_service(target: Target, service: Service) -> None:
    """
    Check that an instance and its model offer a service.

    Raises:
        UnsupportedError: They do not. Nothing was sent.
    """
    if not offers(target, service):
        raise UnsupportedError(f"{target.address} {service.refusal}.", hint=service.hint)


def offers(target: Target, service: Service) -> bool:
    """Tell whether an instance and its model offer a service."""
    provider = target.endpoint.remote
    return (
        provider is not None
        and service.capability in target.capabilities()
        and _satisfies(type(provider), service.protocol)
    )


@lru_cache(maxsize=256)
def _satisfies(provider: type, protocol: type) -> bool:
    """Tell whether a provider's class has the methods of a Protocol. The check takes 10 µs, so it is cached."""
    return issubclass(provider, protocol)
