"""Tokens and costs of a chat."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood import ChatResponse


@dataclass
class Spending:
    """
    The sums of a chat. They include replies that were stopped or undone, which the vendor charges as well.

    Attributes:
        turns: The number of replies.
        input_tokens: Those of all replies that report them, as ``output_tokens``.
        dollars: The cost of all replies whose cost is known.
        without_tokens: The number of replies that report no tokens.
        without_cost: The number of replies whose cost is not known.
    """

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: Decimal = Decimal(0)
    without_tokens: int = 0
    without_cost: int = 0

    def add(self, response: ChatResponse) -> None:
        """Count a reply."""
        self.turns += 1
        usage = response.usage
        if usage.input_tokens is None or usage.output_tokens is None:
            self.without_tokens += 1
        self.input_tokens += usage.input_tokens or 0
        self.output_tokens += usage.output_tokens or 0
        if response.cost is None:
            self.without_cost += 1
        else:
            self.dollars += response.cost

    def add_unknown(self) -> None:
        """Count a reply of which nothing is known."""
        self.turns += 1
        self.without_tokens += 1
        self.without_cost += 1

    def describe(self) -> str:
        """Return the sums, and what they leave out."""
        if not self.turns:
            return "Nothing was sent yet."
        lines = [f"{self.turns:,} {'reply' if self.turns == 1 else 'replies'}"]
        if self.without_tokens < self.turns:
            lines.append(f"tokens: {self.input_tokens:,} in, {self.output_tokens:,} out{_without(self.without_tokens)}")
        if self.without_cost < self.turns:
            lines.append(f"cost: {format_dollars(self.dollars)}{_without(self.without_cost)}")
        else:
            lines.append("cost: not known")
        return "\n".join(lines)


def describe_reply(response: ChatResponse) -> str:
    """Return the tokens and the cost of a reply, as far as they are known; an empty text if neither is."""
    usage = response.usage
    known = []
    if usage.input_tokens is not None and usage.output_tokens is not None:
        known.append(f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out")
    if response.cached:
        known.append("from the cache")
    elif response.cost is not None:
        known.append(format_dollars(response.cost))
    return "; ".join(known)


def format_dollars(dollars: Decimal) -> str:
    """Return a cost with at least four digits that count, such as ``$0.00001234`` or ``$12.34``."""
    if not dollars or dollars >= 1:
        return f"${dollars:,.2f}"
    return f"${dollars:.{3 - dollars.adjusted()}f}"


def _without(number: int) -> str:
    return f" (unknown for {number:,})" if number else ""
