"""Prices of tokens, and other facts about models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, NamedTuple

from pydantic import BeforeValidator, Field, field_validator

from budwood.types.media_prices import MediaPriceName, cost_of_units, count_media_tokens, find_ambiguous_kind
from budwood.types.record import JSON, Record
from budwood.types.usage import NO_PRICE, Cost, Usage

MILLION: Final = Decimal(1_000_000)

BATCH_TIER: Final = "batch"
"""The service tier of batches."""

Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
"""US dollars per million tokens."""


_BELONGS_TO: Final = {"cached_input": "input", "cache_write": "input", "cache_write_1h": "cache_write"}


class TokenPrices(Record):
    """
    US dollars per million tokens. None means that there is no separate price.

    Tokens that are read from or written to a cache have the price of other input unless they have a separate one.
    ``cache_write_1h`` is the price of cached tokens with a lifetime of one hour.
    """

    input: Dollars | None = None
    cached_input: Dollars | None = None
    cache_write: Dollars | None = None
    cache_write_1h: Dollars | None = None
    output: Dollars | None = None


class HighestPrices(NamedTuple):
    """The highest price of a token of input, and of output if it has a price, in US dollars per million."""

    input: Decimal
    output: Decimal | None

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return the highest cost of a request, in US dollars; None if its output has no price."""
        if self.output is None and output_tokens:
            return None
        return (self.input * input_tokens + (self.output or 0) * output_tokens) / MILLION


class LongInputPrices(TokenPrices):
    """Prices of all tokens of a request with more than ``tokens`` input tokens; None for the usual price."""

    tokens: Annotated[int, Field(ge=0)]


def _sort_steps(steps: tuple[LongInputPrices, ...]) -> tuple[LongInputPrices, ...]:
    return tuple(sorted(steps, key=lambda step: step.tokens))


class ModelPrices(TokenPrices):
    """
    Prices from a date on, at certain hours, or of a service tier.

    Attributes:
        since: The first day on which they apply, in UTC; None for no start date.
        hours: The times of day between which they apply, in UTC; None for all day.
        service_tier: The tier, such as ``"batch"``; None for the standard tier.
        long_input: The prices of requests with long input.
    """

    since: date | None = None
    hours: tuple[time, time] | None = None
    service_tier: str | None = None
    long_input: tuple[LongInputPrices, ...] = ()

    _ordered = field_validator("long_input")(_sort_steps)

    def holds(self, moment: datetime) -> bool:
        """Return whether the prices apply at a time, which must have a time zone."""
        moment = moment.astimezone(UTC)
        if self.since is not None and moment.date() < self.since:
            return False
        if self.hours is None:
            return True
        start, end = self.hours
        now = moment.time()
        return start <= now < end if start <= end else now >= start or now < end

    def cost(self, usage: Usage) -> Cost:
        """Return the cost of a call by its usage. Input without details has the plain input price."""
        if usage.input_tokens is None:
            return Cost(None, "the vendor reported no usage")
        dollars = Decimal(0)
        for name, count in _count_tokens(usage).items():
            price = self.price_of(name, usage.input_tokens)
            if price is None and count:
                return Cost(None, f"no price known for {name.replace('_', ' ')}")
            dollars += (price or 0) * count
        return Cost(dollars / MILLION)

    def highest(self, input_tokens: int) -> HighestPrices | None:
        """Return the highest prices of a request with at most ``input_tokens``; None without a price of input."""
        sizes = (0, *(step.tokens + 1 for step in self.long_input if step.tokens < input_tokens))
        names = ("input", "cached_input", "cache_write", "cache_write_1h")
        if any(self.price_of("input", size) is None for size in sizes):
            return None
        of_input = max(self.price_of(name, size) or Decimal(0) for name in names for size in sizes)
        of_output = [self.price_of("output", size) for size in sizes]
        return HighestPrices(of_input, max((price for price in of_output if price is not None), default=None))

    def price_of(self, name: str, input_tokens: int) -> Decimal | None:
        """Return the price of a kind of tokens; if it has none, the price of the kind that it is part of."""
        price: Decimal | None = getattr(self, name)
        for step in self.long_input:
            own: Decimal | None = getattr(step, name)
            if input_tokens > step.tokens and own is not None:
                price = own
        if price is None and name in _BELONGS_TO:
            return self.price_of(_BELONGS_TO[name], input_tokens)
        return price


def _count_tokens(usage: Usage) -> dict[str, int]:
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


def _to_list(prices: object) -> object:
    """Return a list of prices; a single table becomes a list of one."""
    return [prices] if isinstance(prices, Mapping) else prices


class KnownFacts(Record):
    """
    The facts of one catalog row about a model, besides its `ModelRules`. Unknown is None.

    Attributes:
        context_window: Maximum number of input and output tokens together.
        prices: The prices of its tokens. If several apply at a time, the last one is used.
        apart: Kinds of tokens with prices of their own, such as ``"audio"``. If ``media_prices`` lacks these, the cost
            of calls with such tokens is unknown.
        media_prices: Prices of media, such as ``output_image``, in US dollars per million tokens; ``characters`` is
            that of a million characters to speak, and ``audio_hour`` that of an hour of audio. Without one for a
            direction, the tokens have the price of other tokens.
        media_tiers: The same for service tiers, such as ``"batch"``.
        batch_share: What a batch costs as a share of the standard price, if the model has no prices of the tier
            ``"batch"``.
        shutdown: The day on which the vendor shuts the model down; ``successor`` is its replacement.
        source: Where the facts are documented; ``as_of`` is the date of that.
    """

    context_window: Annotated[int, Field(ge=1)] | None = None
    prices: Annotated[tuple[ModelPrices, ...], BeforeValidator(_to_list)] = ()
    apart: frozenset[str] = frozenset()
    media_prices: dict[MediaPriceName, Dollars] = Field(default_factory=dict)
    media_tiers: dict[str, dict[MediaPriceName, Dollars]] = Field(default_factory=dict)
    batch_share: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    shutdown: date | None = None
    successor: str | None = None
    source: str | None = None
    as_of: date | None = None


class ModelFacts(KnownFacts):
    """
    All facts of the catalog about a model, besides its `ModelRules`.

    Attributes:
        own: The names of the facts that come from the user's settings.
    """

    own: frozenset[str] = frozenset()

    def price(self, moment: datetime, service_tier: str | None = None) -> ModelPrices | None:
        """Return the prices at a time, which must have a time zone; None if they are not known."""
        rows = (prices for prices in reversed(self.prices) if prices.service_tier == service_tier)
        return next((prices for prices in rows if prices.holds(moment)), None)

    def highest_prices(self, moment: datetime, input_tokens: int) -> HighestPrices | None:
        """
        Return the highest prices of all service tiers and hours for a request that starts at a time.

        It may take a day, so that prices from the next day on count as well.

        Args:
            moment: The time, with a time zone.
            input_tokens: The maximum number of its input tokens.
        """
        latest = (moment.astimezone(UTC) + timedelta(days=1)).date()
        highest = [prices.highest(input_tokens) for prices in self._possible_prices(moment, latest)]
        if not highest or None in highest:
            return None
        known = [prices for prices in highest if prices is not None]
        outputs = [prices.output for prices in known if prices.output is not None]
        is_complete = len(outputs) == len(known)
        return HighestPrices(max(prices.input for prices in known), max(outputs) if is_complete else None)

    def _possible_prices(self, moment: datetime, latest: date) -> Iterator[ModelPrices]:
        """Yield the prices that may apply between a time and the end of a day."""
        finished: set[str | None] = set()
        for prices in reversed(self.prices):
            if prices.service_tier in finished or (prices.since is not None and prices.since > latest):
                continue
            yield prices
            if prices.hours is None and prices.holds(moment):
                finished.add(prices.service_tier)

    def cost(self, usage: Usage, moment: datetime, service_tier: str | None = None) -> Cost:
        """
        Return the cost of the tokens, characters and audio of a call, without charges such as those for searches.

        Args:
            usage: The usage of the call.
            moment: The time of the call, with a time zone.
            service_tier: The tier of the call; None for the standard tier.
        """
        media = self.media_tiers.get(service_tier, {}) if service_tier else self.media_prices
        prices = self.price(moment, service_tier)
        units = cost_of_units(usage, media)
        if prices is None:
            return units or self._cost_without_prices(usage, moment, service_tier)
        kinds = [kind for kind in sorted(self.apart) if _mentions(usage.raw, kind)]
        tokens = self._cost_with_media(prices, media, usage, kinds) if kinds else prices.cost(usage)
        if units is None or units.dollars is None or tokens.dollars is None:
            return tokens
        return Cost(tokens.dollars + units.dollars)

    def _cost_without_prices(self, usage: Usage, moment: datetime, service_tier: str | None) -> Cost:
        """Return the cost of a batch by its share of the standard price, or why the cost is unknown."""
        has_own = any(prices.service_tier == service_tier for prices in self.prices)
        if service_tier == BATCH_TIER and self.batch_share is not None and not has_own:
            standard = self.cost(usage, moment)
            return standard if standard.dollars is None else Cost(standard.dollars * self.batch_share)
        is_tier = service_tier is not None and bool(self.prices)
        return Cost(None, f"no price known for the service tier {service_tier}" if is_tier else NO_PRICE)

    def _cost_with_media(
        self, prices: ModelPrices, media: Mapping[MediaPriceName, Decimal], usage: Usage, kinds: list[str]
    ) -> Cost:
        """Return the cost of a call with tokens of kinds that have prices of their own."""
        counts = count_media_tokens(usage.raw or {})
        priced = {name.partition("_")[2] for name in media}
        counted = {name.partition("_")[2] for name in counts}
        for kind in kinds:
            if kind not in priced or kind not in counted:
                return Cost(None, f"no price known for {kind} tokens")
        if (ambiguous := find_ambiguous_kind(counts, usage)) is not None:
            return Cost(None, f"the vendor does not report how many of the cached tokens are {ambiguous}")
        cost = prices.cost(usage)
        if cost.dollars is None:
            return cost
        return Cost(cost.dollars + _extra_cost(prices, media, usage, counts))


def _extra_cost(
    prices: ModelPrices, media: Mapping[MediaPriceName, Decimal], usage: Usage, counts: Mapping[str, int]
) -> Decimal:
    """Return what tokens of media cost beyond the same number of tokens of text."""
    dollars = Decimal(0)
    for name, price in media.items():
        if name in counts:
            direction = name.partition("_")[0]
            usual = prices.price_of({"cached": "cached_input"}.get(direction, direction), usage.input_tokens or 0)
            dollars += (price - (usual or 0)) * counts[name]
    return dollars / MILLION


def _mentions(raw: JSON, kind: str) -> bool:
    """
    Return whether the usage in the vendor's form counts tokens of a kind.

    OpenAI names them ``audio_tokens``; Gemini lists ``{"modality": "AUDIO", "tokenCount": 5}``, and
    in interactions ``{"modality": "audio", "tokens": 5}``.
    """
    match raw:
        case {"modality": str(modality), "tokenCount": int(count)} | {"modality": str(modality), "tokens": int(count)}:
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
