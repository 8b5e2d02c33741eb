"""The events that tell that batches have ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from budwood_server.access.public_ids import BATCH
from budwood_server.events.jobs import make_job_event

if TYPE_CHECKING:
    from budwood.errors import BudwoodError
    from budwood.types import ChatResponse
    from budwood_server.access.ownership import OwnedObject
    from budwood_server.events.recording import NewEvent


def describe_end(found: OwnedObject, record: Mapping[str, Any], cost: Decimal | None = None) -> NewEvent:
    """
    Return the event of a batch that has ended.

    Args:
        found: The batch.
        record: The last record of it, in OpenAI's form.
        cost: US dollars; None if they are not known.
    """
    return make_job_event(
        BATCH,
        found.public_id,
        found.owner,
        status=str(record.get("status", "completed")),
        created=found.created,
        model=found.data.get("name", found.data["model"]),
        provider=found.provider,
        requests=record.get("request_counts"),
        cost=cost,
    )


def sum_costs(results: Iterable[ChatResponse | BudwoodError]) -> Decimal | None:
    """Return the cost of all replies in US dollars; None if that of one is not known."""
    total = Decimal(0)
    for result in results:
        if isinstance(result, Exception):
            continue
        if result.cost is None:
            return None
        total += result.cost
    return total
