"""What is told besides replies: the models that a server has or fetches, and counts of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from budwood.types.record import JSON, Record


class ModelInfo(Record):
    """One model that a provider offers."""

    id: str
    provider: str = ""
    created: int | None = None
    owned_by: str | None = None
    context_window: int | None = None
    raw: dict[str, JSON] = Field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PullProgress:
    """
    How far a server has got with a model that it fetches.

    Attributes:
        status: What it does, in its own words.
        digest: Which part of the model it speaks of, where it speaks of one.
        completed: Bytes of that part that it has.
        total: Bytes of the whole part.
    """

    status: str
    digest: str | None = None
    completed: int | None = None
    total: int | None = None


CountSource = Literal["vendor", "tokenizer", "calibrated", "estimate"]
"""Who counted."""


class TokenCount(Record):
    """
    How many tokens a request has, before it is sent.

    Attributes:
        input_tokens: The count, or the most likely one.
        exact: Whether it is a count and no estimate.
        low: It is hardly less than this; ``high`` likewise. Both are ``input_tokens`` where the count is exact.
        source: The vendor's own count, that of a tokenizer on this machine, an estimate, or an estimate that was
            calibrated by what the vendor counted before.
        hint: What would make an estimate exact, where anything would.
        provider: The instance; ``model`` is the vendor's name.
    """

    input_tokens: int
    exact: bool
    low: int
    high: int
    source: CountSource
    hint: str | None = None
    provider: str = ""
    model: str = ""
