"""
What is known of each vendor's models: prices, limits, ends.

The files ``facts/VENDOR.json`` are written by a program from the package genai-prices, and not by hand; each is read
when its vendor's facts are first wanted. ``shutdowns.json`` is kept by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

from budwood.catalog.files import Table, read
from budwood.catalog.matching import best_match
from budwood.types.prices import LongInputPrices, ModelFacts, ModelPrices

_PRICES: Final = ("input", "cached_input", "cache_write", "cache_write_1h", "output")


class Vendor:
    """
    The models of one vendor.

    Args:
        table: What its file holds.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.also: tuple[str, ...] = tuple(table.get("also", ()))
        self._rows: dict[str, Table] = {}
        self._patterns: dict[str, Table] = {}
        for row in table["models"]:
            self._rows |= dict.fromkeys(row.get("names", ()), row)
            self._patterns |= dict.fromkeys(row.get("patterns", ()), row)

    def find(self, model: str) -> ModelFacts | None:
        """Return what is known of a model, by its name in lower case, or None."""
        row = self._rows.get(model) or self._by_pattern(model)
        return None if row is None else self._facts(row)

    def names(self) -> Iterator[str]:
        """List the names and patterns of all its models."""
        yield from self._rows
        yield from self._patterns

    def _by_pattern(self, model: str) -> Table | None:
        fitting = best_match(
            (
                pattern
                for pattern, row in self._patterns.items()
                if not any(fnmatchcase(model, other) for other in row.get("except", ()))
            ),
            model,
        )
        return None if fitting is None else self._patterns[fitting]

    def _facts(self, row: Table) -> ModelFacts:
        """Make the record without the validator, which takes longer to build than the whole file to read."""
        return ModelFacts.model_construct(
            context_window=row.get("context_window"),
            prices=tuple(_prices(prices) for prices in row.get("prices", ())),
            apart=frozenset(row.get("apart", ())),
            source=self._table["source"],
            as_of=date.fromisoformat(self._table["as_of"]),
        )


def _prices(row: Mapping[str, Any]) -> ModelPrices:
    since, hours = row.get("since"), row.get("hours")
    return ModelPrices.model_construct(
        **_decimals(row),
        since=None if since is None else date.fromisoformat(since),
        hours=None if hours is None else (time.fromisoformat(hours[0]), time.fromisoformat(hours[1])),
        service_tier=row.get("service_tier"),
        long_input=tuple(
            LongInputPrices.model_construct(tokens=step["tokens"], **_decimals(step))
            for step in row.get("long_input", ())
        ),
    )


def _decimals(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Decimal(row[name]) for name in _PRICES if name in row}


@cache
def vendor(name: str) -> Vendor | None:
    """Return what is known of a vendor's models, by the name of its plugin or preset; None where nothing is."""
    if not name.replace("-", "").isalnum():
        return None
    try:
        return Vendor(read(f"facts/{name}.json"))
    except FileNotFoundError:
        return None


def known_facts(owner: str, model: str) -> ModelFacts | None:
    """Return what is known of a model that an owner serves, be it another vendor's; None where nothing is."""
    own = vendor(owner)
    if own is None:
        return None
    makers = (own, *(maker for name in own.also if (maker := vendor(name))))
    return next((found for maker in makers if (found := maker.find(model))), None)


@cache
def shutdowns() -> Mapping[str, Mapping[str, Table]]:
    """Return which models end, by their vendor and name. Who serves another vendor's models has dates of his own."""
    return {
        vendor: {name: row for row in rows for name in row["names"]} for vendor, rows in read("shutdowns.json").items()
    }


def shutdown(vendor: str, model: str) -> Table:
    """Return when a model ends, and what takes its place, as fields of `ModelFacts`; empty where that is not known."""
    row = shutdowns().get(vendor, {}).get(model)
    return {"shutdown": date.fromisoformat(row["shutdown"]), "successor": row.get("successor")} if row else {}
