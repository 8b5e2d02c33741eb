"""The error of a model that does not offer a service: what it is for, and which models offer the service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from budwood.catalog import list_models
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.service import Service
from budwood.errors import UnsupportedError
from budwood.hooks import PROVIDER
from budwood.plugins import faults
from budwood.plugins.first_party import first_party_batches, first_party_distribution, install_hint
from budwood.types import Capability, ModelKind

_KINDS: Final[dict[Capability, ModelKind]] = {
    Capability.IMAGES: "image",
    Capability.IMAGE_EDITS: "image",
    Capability.SPEECH: "speech",
    Capability.TRANSCRIPTION: "transcription",
    Capability.TRANSLATION: "transcription",
    Capability.VIDEOS: "video",
    Capability.EMBEDDINGS: "embedding",
    Capability.MODERATION: "moderation",
    Capability.BATCHES: "chat",
    Capability.BACKGROUND: "chat",
    Capability.COMPLETION: "chat",
}
"""The kind of model that offers a service, or that is to be used in its place."""

_CALLS: Final[dict[ModelKind, tuple[str, Capability]]] = {
    "chat": ("ask", Capability.CHAT),
    "completion": ("complete", Capability.COMPLETION),
    "embedding": ("embed", Capability.EMBEDDINGS),
    "moderation": ("moderate", Capability.MODERATION),
    "image": ("image", Capability.IMAGES),
    "speech": ("speak", Capability.SPEECH),
    "transcription": ("transcribe", Capability.TRANSCRIPTION),
    "video": ("video", Capability.VIDEOS),
}
"""The method of the client for models of a kind, and the capability that it needs."""

_MAX_EXAMPLES: Final = 2


def make_refusal(target: Target, service: Service) -> UnsupportedError:
    """Return the error of a model that does not offer a service."""
    kind, needed = target.endpoint.rules(target.model).kind, _KINDS.get(service.capability)
    message, hint = f"{target.address} {service.refusal}.", service.hint
    if hint is not None and hint.startswith("Choose"):
        examples = list(islice(_list_examples(target, service), _MAX_EXAMPLES))
        hint = f"{hint[:-1]}, such as {' or '.join(examples)}." if examples else hint
    if hint is not None and service.capability is Capability.BATCHES:
        hint = f"{hint[:-1]}: {', '.join(first_party_batches())}."
    if kind is not None and kind != needed and kind in _CALLS:
        message = f"{message} It is {_describe(kind)}."
        if needed == "chat":
            hint = _call_or("Choose a chat model.", target, kind)
        elif hint is not None and hint.startswith("Choose"):
            hint = _call_or(hint, target, kind)
    if (distribution := _find_distribution(target, service)) is not None:
        hint = install_hint(distribution)
    return UnsupportedError(message, hint=hint)


def make_chat_refusal(target: Target) -> UnsupportedError:
    """Return the error of a model that does not support chat."""
    kind = target.endpoint.rules(target.model).kind
    if kind is None or kind == "chat":
        return UnsupportedError(f"{target.address} does not support chat.", hint="Choose a model that does.")
    return UnsupportedError(
        f"{target.address} is {_describe(kind)}. It does not support chat.",
        hint=_call_or("Choose a chat model.", target, kind),
    )


def _describe(kind: ModelKind) -> str:
    further = ", which requires WebSockets" if kind == "realtime" else ""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} model{further}"


def _call_or(hint: str, target: Target, kind: ModelKind) -> str:
    """Return a hint, after the call for models of a kind, if the provider has that."""
    method, capability = _CALLS.get(kind, ("", None))
    if capability not in target.capabilities():
        return hint
    return f"Call client.{method}(…), or {hint[0].lower()}{hint[1:]}"


def _find_distribution(target: Target, service: Service) -> str | None:
    """Return the distribution with which the model offers the service, if a preset is used in its place."""
    endpoint = target.endpoint
    distribution = first_party_distribution(PROVIDER, endpoint.name)
    if distribution is None or endpoint.plugin == endpoint.name:
        return None
    known = list_models(service.capability, endpoint.name, datetime.now(UTC).date())
    return distribution if target.address in known else None


def _list_examples(target: Target, service: Service) -> Iterator[str]:
    """Yield models that offer a service, those of the same provider first."""
    endpoint = target.endpoint
    if endpoint.local is not None and endpoint.inline and service.local_protocol is not None:
        list_local = faults.wrap(endpoint.source, "models", endpoint.local.models)
        for model in list_local():
            if service.capability in endpoint.capabilities(model.id):
                yield f"{endpoint.name}/{model.id}"
        return
    yield from list_models(service.capability, endpoint.plugin, datetime.now(UTC).date())
