"""
The facts of each vendor's models: prices, limits and shutdown days.

The files ``facts/VENDOR.json`` are generated from the package genai-prices; each is read at the first look-up of its
vendor. ``shutdowns.json``, ``discounts.json`` and ``unlisted.json`` are maintained by hand. The last has patterns of
names that have prices, but by which only other vendors sell a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

from budwood.catalog.files import Table, load_table
from budwood.catalog.matching import best_match
from budwood.types.prices import LongInputPrices, ModelFacts, ModelPrices

_WILDCARDS: Final = frozenset("*?[")
_PRICES: Final = ("input", "cached_input", "cache_write", "cache_write_1h", "output")


class Vendor:
    """
    The models of one vendor.

    Args:
        table: The content of its file.
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
        """Return the facts of a model, by its name in lower case, or None if it is not known."""
        row = self._rows.get(model) or self._by_pattern(model)
        return None if row is None else self._facts(row)

    def names(self) -> Iterator[str]:
        """List the names of all models, but no patterns; one without a wildcard is a name."""
        yield from self._rows
        yield from (pattern for pattern in self._patterns if not _WILDCARDS.intersection(pattern))

    def _by_pattern(self, model: str) -> Table | None:
        pattern = best_match(
            (
                pattern
                for pattern, row in self._patterns.items()
                if not any(fnmatchcase(model, other) for other in row.get("except", ()))
            ),
            model,
        )
        return None if pattern is None else self._patterns[pattern]

    def _facts(self, row: Table) -> ModelFacts:
        """Create the record without its validator, which takes longer to build than the whole file to read."""
        return ModelFacts.model_construct(
            context_window=row.get("context_window"),
            prices=tuple(_prices(prices) for prices in row.get("prices", ())),
            apart=frozenset(row.get("apart", ())),
            media_prices=_media(row.get("media_prices", {})),
            media_tiers={tier: _media(prices) for tier, prices in row.get("media_tiers", {}).items()},
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


def _media(row: Mapping[str, str]) -> dict[Any, Decimal]:
    return {name: Decimal(price) for name, price in row.items()}


@cache
def load_vendor(name: str) -> Vendor | None:
    """Return the models of a vendor, by the name of its plugin or preset; None if the catalog has none."""
    if not name.replace("-", "").isalnum():
        return None
    try:
        return Vendor(load_table(f"facts/{name}.json"))
    except FileNotFoundError:
        return None


def find_facts(owner: str, model: str) -> ModelFacts | None:
    """Return the facts of a model that a provider serves, also of another vendor's; None if it is not known."""
    provider = load_vendor(owner)
    if provider is None:
        return None
    vendors = (provider, *(other for name in provider.also if (other := load_vendor(name))))
    return next((facts for each in vendors if (facts := each.find(model))), None)


@cache
def load_shutdowns() -> Mapping[str, Mapping[str, Table]]:
    """Return the models that are shut down, by vendor and name. Each provider has its own dates for a model."""
    return {
        vendor: {name: row for row in rows for name in row["names"]}
        for vendor, rows in load_table("shutdowns.json").items()
    }


@cache
def find_discount(vendor: str) -> Table:
    """Return what batches of a vendor cost, as a field of `ModelFacts`; empty if it is not known."""
    row = load_table("discounts.json").get(vendor)
    return {"batch_share": Decimal(row["batch_share"])} if row else {}


def find_shutdown(vendor: str, model: str) -> Table:
    """Return the shutdown day and the successor of a model as fields of `ModelFacts`; empty if they are not known."""
    row = load_shutdowns().get(vendor, {}).get(model)
    return {"shutdown": date.fromisoformat(row["shutdown"]), "successor": row.get("successor")} if row else {}


def list_names(vendor: str, today: date) -> list[str]:
    """
    List the known models of a vendor that were not shut down.

    Successors of others come first, and models with a shutdown day last. Names of other vendors' catalogs are left out.
    """
    foreign = load_table("unlisted.json").get(vendor, ())
    known, rows = load_vendor(vendor), load_shutdowns().get(vendor, {})
    successors = (row["successor"] for row in rows.values() if "successor" in row)
    names = known.names() if known else ()
    lasting = [name for name in dict.fromkeys((*successors, *names)) if name not in rows]
    ending = (name for name, row in rows.items() if date.fromisoformat(row["shutdown"]) > today)
    return [name for name in (*lasting, *ending) if not any(fnmatchcase(name, pattern) for pattern in foreign)]
