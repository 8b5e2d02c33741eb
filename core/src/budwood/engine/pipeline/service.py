"""A service: one kind of request to a provider."""

from __future__ import annotations

from dataclasses import dataclass

from budwood.types import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """
    A row of the table in `budwood.engine.services`.

    Attributes:
        name: The name of the service in events and logs.
        capability: The capability that the instance and its model must have.
        protocol: The Protocol of `budwood.contracts` that the provider must satisfy.
        encode: The provider's method that encodes the request; empty if requests have several steps.
        decode: The method that decodes a complete reply; empty if replies are only streamed.
        decoder: The method that returns the decoder of a streamed reply; empty if replies are not streamed.
        takes_stream: Whether ``encode`` takes ``stream=``.
        stream_protocol: The Protocol of providers that can stream the service; None if all that have it can.
        local_protocol: The Protocol of a model inside the process that has the service; None without one.
        local: The method of that model.
        has_media: Whether its streams consist of media.
        result: The type that ``decode`` returns.
        refusal: The end of the sentence "MODEL …" in the error for a model without the capability.
        hint: The hint of that error.
    """

    name: str
    capability: Capability
    protocol: type
    encode: str = ""
    decode: str = ""
    decoder: str = ""
    takes_stream: bool = False
    stream_protocol: type | None = None
    local_protocol: type | None = None
    local: str = ""
    has_media: bool = False
    result: type = object
    refusal: str
    hint: str | None = None
