"""The requests and tokens per minute of a key, around a request."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BudwoodError
from budwood_server.limits import KeyLimits, Refusal
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.settings import ServerSettings
    from budwood_server.web.exchange import Exchange

CHARACTERS_PER_TOKEN: Final = 4
"""What is assumed of bodies, whose tokens are not counted before the call."""

DEFAULT_OUTPUT: Final = 256
"""The tokens of output that are reserved for a request that does not limit them."""

_WITHOUT_OUTPUT: Final = frozenset({"/v1/embeddings", "/v1/moderations", "/v1/messages/count_tokens"})
_MAX_OUTPUT: Final = re.compile(rb'"max_(?:completion_|output_)?tokens"\s*:\s*(\d{1,9})\b')


@asynccontextmanager
async def count_request(
    limits: KeyLimits, key: ApiKey, exchange: Exchange, server: ServerSettings
) -> AsyncIterator[None]:
    """
    Reserve a request and its tokens from the limits of a key, and count what it has used afterwards.

    Raises:
        ProblemError: 429: a limit is exceeded; the headers say which, and when it resets.
    """
    tokens = 0 if key.tokens_per_minute is None else await _estimate_tokens(exchange, server)
    grant = await limits.reserve(key, exchange.request_id, tokens)
    if isinstance(grant, Refusal):
        raise _refuse(grant)
    try:
        yield
    except ProblemError:
        limits.cancel(grant)  # nothing was sent to a vendor
        raise
    except BudwoodError:
        limits.settle(grant, exchange.tokens or 0)
        raise
    except BaseException:  # also if the client has left, or the server stops
        limits.settle(grant, exchange.tokens)
        raise
    limits.settle(grant, exchange.tokens)


def count_tokens(response: Any) -> int | None:  # noqa: ANN401 - of each service
    """Return the tokens of a reply, input and output together; None if they are not known."""
    if response.cached:
        return 0
    usage = response.usage
    counts = [getattr(usage, name, None) for name in ("input_tokens", "output_tokens")]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


async def _estimate_tokens(exchange: Exchange, server: ServerSettings) -> int:
    """Estimate the tokens that a body asks for; forms have files, whose tokens are counted afterwards."""
    if (exchange.header(b"content-type") or "").startswith("multipart/"):
        return 1  # so that a key whose tokens are used up is refused
    body = await exchange.read_body(server.max_body, server.body_timeout)
    limit = _MAX_OUTPUT.search(body)
    output = int(limit[1]) if limit else 0 if exchange.path in _WITHOUT_OUTPUT else DEFAULT_OUTPUT
    return len(body) // CHARACTERS_PER_TOKEN + output


def _refuse(refusal: Refusal) -> ProblemError:
    headers = {
        f"x-ratelimit-limit-{refusal.limit}": str(refusal.maximum),
        f"x-ratelimit-remaining-{refusal.limit}": str(refusal.remaining),
    }
    if refusal.retry_after is None:
        hint = "Send a shorter request, or ask the operator for a higher limit."
    else:
        seconds = math.ceil(refusal.retry_after)
        headers |= {"retry-after": str(seconds), f"x-ratelimit-reset-{refusal.limit}": f"{seconds}s"}
        hint = f"Retry in {seconds} s, when the next minute begins."
    return ProblemError(
        Problem(
            status=429,
            message=f"This key may use {refusal.maximum:,} {refusal.limit} per minute; {refusal.remaining:,} are left, "
            f"and this request needs {refusal.required:,}.",
            type="rate_limit_error",
            code="rate_limit_exceeded",
            hint=hint,
            headers=headers,
        )
    )
