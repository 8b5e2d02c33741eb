"""Providers that run a model inside the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budwood.types import Adaptation, Capability, ChatRequest, ModelInfo, StreamEvent


@runtime_checkable
class LocalProvider(Protocol):
    """A model inside the process. The engine gives it a thread where it needs one and derives all else."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this instance can do."""
        ...

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """Answer, event by event; the last but usage is `Finished`."""
        ...

    def models(self) -> tuple[ModelInfo, ...]:
        """List the models that it has."""
        ...


@runtime_checkable
class LocalAdaptationProvider(Protocol):
    """A model inside the process that cannot take every parameter as given, and says so before it answers."""

    def adaptations(self, request: ChatRequest) -> tuple[Adaptation, ...]:
        """Return a receipt for each parameter that is not taken as given. It must be quick: nothing is loaded here."""
        ...


@runtime_checkable
class LocalTokenCountProvider(Protocol):
    """A model inside the process that counts the tokens of a request."""

    def count_tokens(self, request: ChatRequest) -> int:
        """Count the input tokens, as `LocalProvider.stream` would see them."""
        ...
