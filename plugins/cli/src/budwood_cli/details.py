"""What is known of a model, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budwood import Client, ModelInfo
    from budwood.types import ModelDetails, ModelPrices, ModelRules, TokenPrices


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of a provider's list, with what the catalog knows of it; where they differ, the provider is right."""

    info: ModelInfo
    details: ModelDetails

    @property
    def address(self) -> str:
        """How the model is asked for."""
        return f"{self.info.provider}/{self.info.id}"

    @property
    def context_window(self) -> int | None:
        """Tokens of input and output together."""
        return self.info.context_window or self.details.facts.context_window

    def as_json(self) -> dict[str, Any]:
        """Return what is known, for programs."""
        price = self.details.price
        return {
            **self.info.model_dump(mode="json", exclude={"raw"}),
            "context_window": self.context_window,
            "price": None if price is None else price.model_dump(mode="json"),
            "shutdown": self.details.facts.shutdown,
        }


def known(client: Client, info: ModelInfo) -> KnownModel:
    """Look up what the catalog knows of a model."""
    return KnownModel(info, client.model(f"{info.provider}/{info.id}"))


def as_row(model: KnownModel) -> tuple[object, ...]:
    """Return a line of the list; prices are US dollars per million tokens."""
    price, window = model.details.price, model.context_window
    prices = (None, None, None) if price is None else (price.input, price.cached_input, price.output)
    return model.address, f"{window:,}" if window else "-", *("-" if known is None else known for known in prices)


def lines(details: ModelDetails) -> Iterator[tuple[str, str]]:
    """Yield what is known of a model, as names and values; what is unknown is left out."""
    facts, rules = details.facts, details.rules
    yield "model", f"{details.provider}/{details.model}"
    yield "made for", rules.kind or "not known"
    if not details.is_known:
        yield "", f"The catalog does not know this model. The abilities are those of {details.provider}."
    if facts.context_window:
        yield "context window", f"{facts.context_window:,} tokens"
    if rules.max_output_tokens:
        yield "output limit", f"{rules.max_output_tokens:,} tokens"
    yield "abilities", ", ".join(sorted(details.capabilities)) or "none"
    yield from _rules(rules)
    if details.price is None:
        yield "prices", details.price_unknown or "not known"
    for prices in facts.prices:
        yield _title(prices), _tokens(prices)
        for step in prices.long_input:
            yield "", f"over {step.tokens:,} tokens of input: {_tokens(step)}"
    if facts.apart:
        yield "not priced", f"{', '.join(sorted(facts.apart))} tokens"
    if facts.shutdown:
        successor = f"; {facts.successor} takes its place" if facts.successor else ""
        yield "shut down on", f"{facts.shutdown}{successor}"
    yield from _sources(details)


def _rules(rules: ModelRules) -> Iterator[tuple[str, str]]:
    for name, wanted in sorted(rules.renames.items()):
        yield "renamed", f"{name} is sent as {wanted}"
    if rules.refuses:
        yield "refused", ", ".join(sorted(rules.refuses))
    if rules.refuses_unless_effort_none:
        yield "refused", f"{', '.join(sorted(rules.refuses_unless_effort_none))}, while it reasons"
    for effort, sent in sorted(rules.efforts.items()):
        yield "effort", f"{effort} is sent as {sent}"


def _title(prices: ModelPrices) -> str:
    return "prices" if prices.service_tier is None else f"tier {prices.service_tier}"


def _tokens(prices: TokenPrices) -> str:
    """Write prices in US dollars per million tokens."""
    names = {
        "input": "input",
        "cached_input": "cached input",
        "cache_write": "cache write",
        "cache_write_1h": "cache write for an hour",
        "output": "output",
    }
    values = ((label, getattr(prices, name)) for name, label in names.items())
    said = ", ".join(f"{label} ${value}" for label, value in values if value is not None)
    since = getattr(prices, "since", None)
    hours = getattr(prices, "hours", None)
    said += f", since {since}" if since else ""
    return said + (f", from {hours[0]:%H:%M} to {hours[1]:%H:%M} UTC" if hours else "")


def _sources(details: ModelDetails) -> Iterator[tuple[str, str]]:
    for source, as_of in (
        (details.rules.source, details.rules.as_of),
        (details.facts.source, details.facts.as_of),
    ):
        if source:
            yield "source", f"{source}{f', read on {as_of}' if as_of else ''}"
    if details.facts.own:
        yield "source", f"your settings: {', '.join(sorted(details.facts.own))}"
