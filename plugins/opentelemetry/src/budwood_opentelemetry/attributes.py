"""The attributes of spans, made of events."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from budwood.types import AttemptStarted, ChatRequest, ChatResponse, RequestFinished, RequestStarted, ServiceResponse
from budwood_opentelemetry import names
from budwood_opentelemetry.messages import encodable, finish_reason

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from budwood.types import Answer, Attempt, Observation, Usage

Attributes = dict[str, "AttributeValue"]
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


def operation_of(service: str) -> str:
    """Return the conventions' name of a service."""
    return names.OPERATIONS.get(service, service.replace(" ", "_"))


def model_attributes(model: str) -> Attributes:
    """Return the model. A list of models has none."""
    return {names.REQUEST_MODEL: model} if model else {}


def provider_attributes(provider: str, plugin: str) -> Attributes:
    """Return the names of a provider: that of its vendor in the conventions, and its own."""
    vendor = names.PROVIDERS.get(provider) or names.PROVIDERS.get(plugin) or provider
    return {names.PROVIDER: vendor, names.INSTANCE: provider}


def endpoint_attributes(event: RequestStarted | AttemptStarted) -> Attributes:
    """Return the names of the provider, and the address of the endpoint."""
    return provider_attributes(event.provider, event.plugin) | server_attributes(event.url)


@lru_cache(1000)
def server_attributes(url: str | None) -> Attributes:
    """Return the host and the port of an endpoint; nothing if the model runs in this process."""
    try:
        parts = urlsplit(url or "")
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return {}
    if not host:
        return {}
    return {names.SERVER_ADDRESS: host} if port is None else {names.SERVER_ADDRESS: host, names.SERVER_PORT: port}


def start_attributes(event: RequestStarted, operation: str) -> Attributes:
    """Return what is known at the start of a request, so that samplers can decide by it."""
    attributes: Attributes = {
        names.OPERATION: operation,
        **endpoint_attributes(event),
        **model_attributes(event.model),
        names.CALL: event.call,
    }
    if event.streamed:
        attributes[names.STREAM] = True
    if event.label is not None:
        attributes[names.LABEL] = event.label
    attributes.update((f"{names.TAG}{name}", encodable(value)) for name, value in event.tags.items())
    if event.conversation is not None:
        attributes[names.CONVERSATION] = event.conversation
    return attributes


def parameter_attributes(request: object) -> Attributes:
    """Return the parameters of a request."""
    attributes: Attributes = {}
    for field, name in names.REQUEST_PARAMETERS.items():
        value = getattr(request, field, None)
        if value is not None and value != ():
            attributes[name] = value
    if isinstance(request, ChatRequest) and request.output_schema is not None:
        attributes[names.OUTPUT_TYPE] = "json"
    return attributes


def finish_attributes(event: RequestFinished) -> Attributes:
    """Return what is known at the end of a request. The model is the one that answered."""
    attributes = model_attributes(event.model)
    attributes[names.ATTEMPTS] = sum(not attempt.cached and attempt.skipped is None for attempt in event.attempts)
    if is_cached(event):
        attributes[names.CACHED] = True
    response = response_of(event)
    if response is None:
        return attributes
    attributes |= _usage_attributes(response.usage)
    if response.model:
        attributes[names.RESPONSE_MODEL] = response.model
    if isinstance(response, ChatResponse | ServiceResponse):
        attributes |= _money_attributes(response.cost, response.saved)
    if isinstance(response, ChatResponse):
        attributes |= _reply_attributes(response)
    return attributes


def response_of(event: RequestFinished) -> Answer | None:
    """Return the reply; for a failed request the one that its error has, which was paid for as well."""
    if event.response is not None:
        return event.response
    response = getattr(event.error, "response", None)
    return response if isinstance(response, ChatResponse) else None


def is_cached(event: RequestFinished) -> bool:
    """Tell whether nothing was sent for a request, because the cache or an equal call had the reply."""
    return bool(event.attempts) and all(attempt.cached for attempt in event.attempts)


def attempt_start_attributes(event: AttemptStarted) -> Attributes:
    """Return what is known at the start of an attempt."""
    attributes = endpoint_attributes(event) | model_attributes(event.model)
    attributes[names.NUMBER] = event.number
    if event.key is not None:
        attributes[names.KEY] = event.key
    return attributes


def attempt_finish_attributes(attempt: Attempt) -> Attributes:
    """Return what is known at the end of an attempt. Its tokens are part of those of the request."""
    attributes = _money_attributes(attempt.cost, None)
    fields = (
        (names.STATUS, attempt.status),
        (names.ERROR, attempt.error),
        (names.ENDPOINT, attempt.endpoint),
        (names.REQUEST_ID, attempt.request_id),
        (names.HEDGE, attempt.hedge or None),
        (names.QUEUED, attempt.queued or None),
    )
    attributes.update((name, value) for name, value in fields if value is not None)
    return attributes


def make_event(event: Observation) -> tuple[str, Attributes]:
    """Return the name and the attributes of an event of the request's span."""
    event_name, fields = names.EVENTS[type(event).__name__]
    values = ((names.ERROR if field == "error" else f"budwood.{field}", getattr(event, field)) for field in fields)
    return event_name, {name: value for name, value in values if value is not None}


def _usage_attributes(usage: Usage) -> Attributes:
    counts = ((name, getattr(usage, field)) for field, name in names.USAGE.items())
    return {name: count for name, count in counts if count is not None}


def _money_attributes(cost: Decimal | None, saved: Decimal | None) -> Attributes:
    amounts = ((names.COST, cost), (names.SAVED, saved))
    return {name: float(amount) for name, amount in amounts if amount is not None}


def _reply_attributes(response: ChatResponse) -> Attributes:
    attributes: Attributes = {names.FINISH_REASONS: (finish_reason(response),)}
    if response.id:
        attributes[names.RESPONSE_ID] = response.id
    if response.partial:
        attributes[names.PARTIAL] = True
    return attributes
