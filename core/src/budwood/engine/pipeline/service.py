"""One kind of request that a provider can answer."""

from __future__ import annotations

from dataclasses import dataclass

from budwood.types import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """
    A row of the table in `budwood.engine.services`.

    Attributes:
        name: What the service is called in events and logs.
        capability: What an instance and its model must have.
        protocol: The Protocol of `budwood.contracts` that the provider must satisfy.
        encode: The provider's method that writes the request.
        decode: The method that reads a whole reply; empty where replies are streams alone.
        decoder: The method that reads a streamed reply; empty where there are none.
        takes_stream: Whether ``encode`` takes ``stream=``.
        result: The type of what ``decode`` returns.
        refusal: What a model without it does not do, to end the sentence "MODEL …".
        hint: What to do instead.
    """

    name: str
    capability: Capability
    protocol: type
    encode: str
    decode: str = ""
    decoder: str = ""
    takes_stream: bool = False
    result: type = object
    refusal: str
    hint: str | None = None
