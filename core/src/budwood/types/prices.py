"""What tokens cost, and what else is known of a model besides what it takes and refuses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, field_validator

from budwood.types.record import JSON, Record
from budwood.types.usage import NO_PRICE, Cost, Usage

MILLION: Final = Decimal(1_000_000)

Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
"""US dollars per million tokens."""


_BELONGS_TO: Final = {"cached_input": "input", "cache_write": "input", "cache_write_1h": "cache_write"}


class TokenPrices(Record):
    """
    US dollars per million tokens; None is no price of its own.

    Tokens read from or written to a cache that have no price of their own cost what other input costs.
    ``cache_write_1h`` is for what a cache keeps for an hour.
    """

    input: Dollars | None = None
    cached_input: Dollars | None = None
    cache_write: Dollars | None = None
    cache_write_1h: Dollars | None = None
    output: Dollars | None = None


class LongInputPrices(TokenPrices):
    """Prices of all tokens of a request whose input exceeds a number of tokens; None is as for shorter ones."""

    tokens: Annotated[int, Field(ge=0)]


def _in_order(steps: tuple[LongInputPrices, ...]) -> tuple[LongInputPrices, ...]:
    return tuple(sorted(steps, key=lambda step: step.tokens))


class ModelPrices(TokenPrices):
    """
    Prices from a date on, at certain hours, or of a tier of service.

    Attributes:
        since: The first day on which they hold, by UTC; None is from the beginning.
        hours: Between which times of the day they hold, by UTC; None is all day.
        service_tier: Which tier they are of, such as ``"batch"``; None is the standard one.
        long_input: What requests with much input cost.
    """

    since: date | None = None
    hours: tuple[time, time] | None = None
    service_tier: str | None = None
    long_input: tuple[LongInputPrices, ...] = ()

    _ordered = field_validator("long_input")(_in_order)

    def holds(self, moment: datetime) -> bool:
        """Tell whether these are the prices of a moment, which has a time zone."""
        moment = moment.astimezone(UTC)
        if self.since is not None and moment.date() < self.since:
            return False
        if self.hours is None:
            return True
        start, end = self.hours
        now = moment.time()
        return start <= now < end if start <= end else now >= start or now < end

    def cost(self, usage: Usage) -> Cost:
        """Say what a call cost, from the tokens that it took. What the vendor does not tell apart is plain input."""
        if usage.input_tokens is None:
            return Cost(None, "the vendor reported no usage")
        dollars = Decimal(0)
        for name, count in _counted(usage).items():
            price = self._price(name, usage.input_tokens)
            if price is None and count:
                return Cost(None, f"no price known for {name.replace('_', ' ')}")
            dollars += (price or 0) * count
        return Cost(dollars / MILLION)

    def _price(self, name: str, input_tokens: int) -> Decimal | None:
        """Return the price of a kind of tokens, or of the kind that it belongs to where it has none of its own."""
        price: Decimal | None = getattr(self, name)
        for step in self.long_input:
            own: Decimal | None = getattr(step, name)
            if input_tokens > step.tokens and own is not None:
                price = own
        if price is None and name in _BELONGS_TO:
            return self._price(_BELONGS_TO[name], input_tokens)
        return price


def _counted(usage: Usage) -> dict[str, int]:
    """Count each kind of token once."""
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    for_an_hour = min(usage.cache_write_1h_tokens or 0, written)
    return {
        "input": max((usage.input_tokens or 0) - read - written, 0),
        "cached_input": read,
        "cache_write": written - for_an_hour,
        "cache_write_1h": for_an_hour,
        "output": usage.output_tokens or 0,
    }


def _listed(prices: object) -> object:
    """Take one table of prices for a list of one."""
    return [prices] if isinstance(prices, Mapping) else prices


class KnownFacts(Record):
    """
    What one row of the catalog says of a model besides its `ModelRules`. Unknown is None.

    Attributes:
        context_window: Tokens of input and output together, as vendors count them.
        prices: What its tokens cost; of those that hold at a moment the last counts.
        apart: Kinds of tokens whose prices are not among these, such as ``"audio"``: what calls with such cost is not
            known.
        shutdown: The day on which its vendor shuts it down; ``successor`` is the model that takes its place.
        source: Where this is written; ``as_of`` when it was read.
    """

    context_window: Annotated[int, Field(ge=1)] | None = None
    prices: Annotated[tuple[ModelPrices, ...], BeforeValidator(_listed)] = ()
    apart: frozenset[str] = frozenset()
    shutdown: date | None = None
    successor: str | None = None
    source: str | None = None
    as_of: date | None = None


class ModelFacts(KnownFacts):
    """
    All that the catalog knows of a model besides its `ModelRules`.

    Attributes:
        own: Which of these the user's settings say.
    """

    own: frozenset[str] = frozenset()

    def price(self, moment: datetime, service_tier: str | None = None) -> ModelPrices | None:
        """Return the prices of a moment, which has a time zone, or None where none are known."""
        rows = (prices for prices in reversed(self.prices) if prices.service_tier == service_tier)
        held = (prices for prices in rows if prices.holds(moment))
        return next(held, None)

    def cost(self, usage: Usage, moment: datetime, service_tier: str | None = None) -> Cost:
        """
        Say what a call cost. What a vendor charges besides tokens, as for searches or storage, is not in it.

        Args:
            usage: The tokens that it took.
            moment: When it was made, with a time zone.
            service_tier: The tier that it was served with; None for the standard one.
        """
        if not self.prices:
            return Cost(None, NO_PRICE)
        prices = self.price(moment, service_tier)
        if prices is None:
            return Cost(None, f"no price known for the service tier {service_tier}" if service_tier else NO_PRICE)
        for kind in sorted(self.apart):
            if _mentions(usage.raw, kind):
                return Cost(None, f"no price known for {kind} tokens")
        return prices.cost(usage)


def _mentions(raw: JSON, kind: str) -> bool:
    """
    Tell whether a vendor's own usage counts tokens of a kind.

    OpenAI names them ``audio_tokens``; Gemini lists ``{"modality": "AUDIO", "tokenCount": 5}``.
    """
    match raw:
        case {"modality": str(modality), "tokenCount": int(count)}:
            return count > 0 and modality.lower() == kind
        case dict():
            return any(
                bool(value)
                if name.removesuffix("_tokens") in (kind, f"input_{kind}", f"output_{kind}")
                else _mentions(value, kind)
                for name, value in raw.items()
            )
        case list():
            return any(_mentions(value, kind) for value in raw)
        case _:
            return False
