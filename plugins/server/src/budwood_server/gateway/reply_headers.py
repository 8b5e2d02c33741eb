"""The headers of a reply that say how it was made."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from budwood.types import Adaptation, Attempt
    from budwood_server.web.exchange import Header

MAX_ADAPTATIONS: Final = 2000
"""The maximum length of the header with the adaptations."""


def list_headers(
    provider: str,
    model: str,
    *,
    attempts: Iterable[Attempt] = (),
    cost: Decimal | None = None,
    cached: bool | None = None,
    adaptations: Iterable[Adaptation] = (),
) -> list[Header]:
    """Return the headers of a reply; what is not known is left out."""
    headers: list[Header] = [(b"x-budwood-provider", _encode(provider)), (b"x-budwood-model", _encode(model))]
    sent = sum(1 for attempt in attempts if not attempt.cached and not attempt.skipped)
    if cached is not None:
        headers += [(b"x-budwood-attempts", b"%d" % sent), (b"x-budwood-cache", b"hit" if cached else b"miss")]
    if cost is not None:
        headers.append((b"x-budwood-cost", f"{cost:f}".encode()))
    if text := describe_adaptations(adaptations):
        headers.append((b"x-budwood-adaptations", _encode(text)))
    return headers


def describe_adaptations(adaptations: Iterable[Adaptation]) -> str:
    """Return adaptations as ``dropped seed: reason; renamed max_tokens: reason``."""
    texts = (f"{one.action} {one.parameter}: {one.reason}" for one in adaptations)
    return "; ".join(dict.fromkeys(texts))[:MAX_ADAPTATIONS]


def describe_end(response: Any, adaptations: Iterable[Adaptation] = ()) -> dict[str, object]:  # noqa: ANN401 - of any service
    """Return what is known at the end of a stream, for the field ``budwood`` of its last chunk."""
    sent = [attempt for attempt in response.attempts if not attempt.cached and not attempt.skipped]
    described = describe_adaptations((*adaptations, *response.adaptations))
    return {
        "provider": response.provider,
        "model": response.model,
        "attempts": len(sent),
        "cost": None if response.cost is None else f"{response.cost:f}",
        "cache": "hit" if response.cached else "miss",
        **({"adaptations": described} if described else {}),
    }


def _encode(text: str) -> bytes:
    """Encode a header; characters that headers cannot have are replaced."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text).encode()
