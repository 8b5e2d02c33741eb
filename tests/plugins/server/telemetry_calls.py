"""Records of calls in the database of a gateway, for tests of telemetry."""

from __future__ import annotations

from decimal import Decimal

from budwood.types import Attempt, RequestFinished, Usage
from budwood_usage.database import add
from budwood_usage.rows import collect, make_row

START = 1_775_000_000.0
"""The time of the first call: 2026-03-31T23:33:20Z."""


def make_call(number, key="k1", team="red", *, model="fast", cost="0.25", time=None, error=None, tags=None, **fields):
    """
    Return the row of a call, a second after the one before.
    """
    attempt = Attempt(
        provider="vendor",
        model="gpt-5",
        key="default",
        status=500 if error else 200,
        duration=1.0,
        usage=Usage(input_tokens=10, output_tokens=2),
        cost=None if cost is None else Decimal(cost),
    )
    owner = {"key": key, "model": model, **({"team": team} if team else {})}
    event = {"service": "chat", "provider": "vendor", "model": "gpt-5", "seconds": 1.0, "label": f"name of {key}"}
    ended = RequestFinished(
        call=f"call-{number}",
        prompt="secret prompt",
        response=None,
        error=error,
        attempts=(attempt,),
        tags=owner | (tags or {}),
        **event | fields,
    )
    return make_row(collect(ended, START + number if time is None else time, first_token=0.5))


def write_calls(gateway, rows):
    """
    Write rows to the database of a `KeyedGateway`.
    """

    async def write():
        async with gateway.worker.database.write() as connection:
            await connection.run_sync(add, rows)

    gateway.run(write())
