"""
The states of alerts in the database.

One worker at a time checks an alert: it claims the row until a moment, and that moment tells later whether the claim
still holds. What a check finds is stored only then, in one transaction with the event.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import ColumnElement, RowMapping, and_, delete, select, update

from budwood_server.alerts.rules import dump_rule, load_rule
from budwood_server.alerts.states import AlertState
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import ALERT_STATES
from budwood_server.events.recording import NewEvent, record_events

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.database import Database

LEASE_SECONDS: Final = 60.0
"""Seconds after which another worker checks an alert whose worker has died."""

_FIELDS: Final = ("fired", "pending", "value", "calls", "checked")


class Claim(NamedTuple):
    """
    An alert as it was read, or was claimed.

    Attributes:
        name: The name of the rule.
        due: When the next check is, or when the claim ends. It tells later whether the row is still the same.
        state: The state of the alert.
    """

    name: str
    due: float
    state: AlertState


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of a claim.

    Attributes:
        claim: The claim.
        state: The new state; None to remove it.
        due: When the next check is.
        event: What is written in the same transaction, or None.
    """

    claim: Claim
    state: AlertState | None
    due: float
    event: NewEvent | None = None


@dataclass(frozen=True, slots=True)
class AlertStore:
    """
    The states of alerts. All methods raise `DatabaseError` if the database cannot be used.

    Args:
        database: The database.
    """

    database: Database

    async def read(self) -> Mapping[str, Claim]:
        """Return all states by the names of their rules."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(ALERT_STATES))).mappings().all()
        return {row["name"]: _to_claim(row) for row in rows}

    async def add(self, names: Collection[str]) -> None:
        """Add states for new rules, which are checked next."""
        rows = [{"name": name, "due": 0.0, "calls": 0} for name in sorted(names)]
        async with self.database.write() as connection:
            await connection.execute(insert_into(connection, ALERT_STATES).on_conflict_do_nothing(), rows)

    async def claim(self, claims: Sequence[Claim], now: float) -> Sequence[Claim]:
        """
        Claim alerts unless another worker has claimed or checked them meanwhile.

        Args:
            claims: What was read of them.
            now: The present.
        """
        held = []
        async with self.database.write() as connection:
            for claim in sorted(claims):  # in the same order as others, which may wait for the same rows
                change = update(ALERT_STATES).where(_is(claim)).values(due=now + LEASE_SECONDS)
                row = (await connection.execute(change.returning(ALERT_STATES))).mappings().first()
                if row is not None:
                    held.append(_to_claim(row))
        return held

    async def finish(self, outcome: Outcome) -> bool:
        """Store what came of a claim, with its event. Return False, and store nothing, if it has not held."""
        async with self.database.write() as connection:
            if not await _store(connection, outcome):
                return False
            if outcome.event is not None:
                await record_events(connection, [outcome.event])
        return True


async def _store(connection: AsyncConnection, outcome: Outcome) -> bool:
    """Store a state unless another worker has claimed the alert."""
    claim, state = outcome.claim, outcome.state
    if state is None:
        return (await connection.execute(delete(ALERT_STATES).where(_is(claim)))).rowcount == 1
    values: dict[str, Any] = {name: getattr(state, name) for name in _FIELDS}
    values |= {"rule": None if state.rule is None else dump_rule(state.rule), "due": outcome.due}
    return (await connection.execute(update(ALERT_STATES).where(_is(claim)).values(**values))).rowcount == 1


def _is(claim: Claim) -> ColumnElement[bool]:
    return and_(ALERT_STATES.c.name == claim.name, ALERT_STATES.c.due == claim.due)


def _to_claim(row: RowMapping) -> Claim:
    fields = {name: row[name] for name in _FIELDS}
    return Claim(row["name"], row["due"], AlertState(**fields, rule=load_rule(row["rule"])))
