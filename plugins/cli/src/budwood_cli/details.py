"""Descriptions of models: limits, capabilities, rules and prices."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budwood import Client, ModelInfo
    from budwood.types import ModelDetails, ModelPrices, ModelRules, TokenPrices


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that a provider lists, with its entry in the catalog. The provider's values take precedence."""

    info: ModelInfo
    details: ModelDetails

    @property
    def address(self) -> str:
        """The name that selects the model: ``provider/model``."""
        return f"{self.info.provider}/{self.info.id}"

    @property
    def context_window(self) -> int | None:
        """Maximum tokens of input and output together."""
        return self.info.context_window or self.details.facts.context_window

    def as_json(self) -> dict[str, Any]:
        """Return the model as JSON."""
        price = self.details.price
        return {
            **self.info.model_dump(mode="json", exclude={"raw"}),
            "context_window": self.context_window,
            "price": None if price is None else price.model_dump(mode="json"),
            "shutdown": self.details.facts.shutdown,
        }


def look_up(client: Client, info: ModelInfo) -> KnownModel:
    """Look up a model in the catalog."""
    return KnownModel(info, client.model(f"{info.provider}/{info.id}"))


def as_row(model: KnownModel) -> tuple[object, ...]:
    """Return a row of the table of models; prices are US dollars per million tokens."""
    price, window = model.details.price, model.context_window
    prices = (None, None, None) if price is None else (price.input, price.cached_input, price.output)
    return model.address, f"{window:,}" if window else "-", *("-" if value is None else value for value in prices)


def description_lines(details: ModelDetails, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """
    Yield names and values that describe a model; unknown values are left out.

    Args:
        details: What is known of it.
        known: The models of its provider that the catalog names.
    """
    facts, rules = details.facts, details.rules
    yield "model", f"{details.provider}/{details.model}"
    yield "purpose", rules.kind or "unknown"
    if not details.is_known:
        yield "", f"The catalog does not know this model. The capabilities are those of {details.provider}."
    elif known and details.model not in known and not facts.source and not facts.own:
        yield "", "The catalog does not know this model. The capabilities are those of models with similar names."
    if facts.context_window:
        yield "context window", f"{facts.context_window:,} tokens"
    if rules.max_output_tokens:
        yield "output limit", f"{rules.max_output_tokens:,} tokens"
    yield "capabilities", ", ".join(sorted(details.capabilities)) or "none"
    yield from _rule_lines(rules)
    if details.price is None:
        yield "prices", details.price_unknown or "unknown"
    for prices in facts.prices:
        yield _price_label(prices), _format_prices(prices)
        for step in prices.long_input:
            yield "", f"over {step.tokens:,} tokens of input: {_format_prices(step)}"
    if facts.apart:
        yield "not priced", f"{', '.join(sorted(facts.apart))} tokens"
    if facts.shutdown:
        successor = f"; replaced by {facts.successor}" if facts.successor else ""
        yield "shutdown date", f"{facts.shutdown}{successor}"
    yield from _source_lines(details)


def _rule_lines(rules: ModelRules) -> Iterator[tuple[str, str]]:
    for name, sent_as in sorted(rules.renames.items()):
        yield "renamed", f"{name} is sent as {sent_as}"
    if rules.refuses:
        yield "rejected", ", ".join(sorted(rules.refuses))
    if rules.refuses_unless_effort_none:
        yield "rejected", f"{', '.join(sorted(rules.refuses_unless_effort_none))}, unless reasoning_effort is none"
    for effort, sent in sorted(rules.efforts.items()):
        yield "effort", f"{effort} is sent as {sent}"


def _price_label(prices: ModelPrices) -> str:
    return "prices" if prices.service_tier is None else f"tier {prices.service_tier}"


def _format_prices(prices: TokenPrices) -> str:
    """Format prices, in US dollars per million tokens."""
    names = {
        "input": "input",
        "cached_input": "cached input",
        "cache_write": "cache write",
        "cache_write_1h": "cache write (1 hour)",
        "output": "output",
    }
    values = ((label, getattr(prices, name)) for name, label in names.items())
    text = ", ".join(f"{label} ${value}" for label, value in values if value is not None) + " per million tokens"
    since = getattr(prices, "since", None)
    hours = getattr(prices, "hours", None)
    text += f", since {since}" if since else ""
    return text + (f", from {hours[0]:%H:%M} to {hours[1]:%H:%M} UTC" if hours else "")


def _source_lines(details: ModelDetails) -> Iterator[tuple[str, str]]:
    for source, as_of in (
        (details.rules.source, details.rules.as_of),
        (details.facts.source, details.facts.as_of),
    ):
        if source:
            yield "source", f"{source}{f', read on {as_of}' if as_of else ''}"
    if details.facts.own:
        yield "source", f"your settings: {', '.join(sorted(details.facts.own))}"
