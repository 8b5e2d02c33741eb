"""Events of jobs: batches, and replies that are made in the background."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

from budwood_server.events.recording import NewEvent

JobKind = Literal["batch", "response"]

_COUNTS: Final = ("total", "completed", "failed")


def make_job_event(
    kind: JobKind,
    job_id: str,
    owner: str,
    *,
    status: str,
    created: float,
    model: str | None,
    provider: str | None = None,
    requests: Mapping[str, int] | None = None,
    cost: Decimal | None = None,
) -> NewEvent:
    """
    Return the event of a job that has ended.

    Args:
        kind: What it is.
        job_id: Its public id.
        owner: Who owns it.
        status: How it ended, in the words of OpenAI's API.
        created: When it was created, in seconds since 1970.
        model: The name of the model that was asked for.
        provider: The provider that had it, if one did.
        requests: The numbers of its requests: ``total``, ``completed`` and ``failed``.
        cost: US dollars; None if they are not known.
    """
    from budwood_server.telemetry.forms import format_amount  # imports models of the API; most jobs are read without

    now = time.time()
    data = {
        "kind": kind,
        "status": status,
        "owner": owner,
        "model": model,
        "provider": provider,
        "requests": None if requests is None else {name: requests.get(name) or 0 for name in _COUNTS},
        "cost": None if cost is None else format_amount(cost),
        "seconds": round(max(0.0, now - created), 3),
    }
    return NewEvent("job.finished", job_id, data, owner=owner, time=now)
