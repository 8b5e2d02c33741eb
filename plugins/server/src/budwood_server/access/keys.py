"""API keys of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final, Literal

INFER: Final = "infer"
ADMIN: Final = "admin"
SCOPES: Final = (INFER, "prompts", "telemetry", ADMIN)
"""What a key can be for. Further scopes may follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBudget:
    """
    What a key may spend in a period: either dollars or tokens, input and output together.

    Attributes:
        per: The period: ``"day"``, ``"week"`` or ``"month"``.
        timezone: The time zone in which it begins.
    """

    dollars: Decimal | None = None
    tokens: int | None = None
    per: Literal["day", "week", "month"] = "month"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """
    A key, without its secret.

    Attributes:
        id: The public part of the key, by which it is shown and found.
        name: The name that its creator chose.
        team: The team to which it belongs, with which it shares files, batches, replies and cache; or None.
        scopes: What it is for: some of `SCOPES`.
        created: When it was created; ``expires`` is when it ends, or None.
        models: Patterns of the public names that it may use, such as ``"fast"`` or ``"openai/*"``; empty for all.
        requests_per_minute: The limit, or None; ``tokens_per_minute`` likewise.
        budget: What it may spend, or None.
        request_options: The options that its requests may set, or None for those that the settings allow.
        version: Changes whenever the key is changed.
    """

    id: str
    name: str
    scopes: frozenset[str]
    created: datetime
    team: str | None = None
    expires: datetime | None = None
    models: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget: KeyBudget | None = None
    request_options: frozenset[str] | None = None
    version: int = 0

    @property
    def owner(self) -> str:
        """Who owns what is created with the key: its team, or the key itself."""
        return f"key-{self.id}" if self.team is None else f"team-{self.team}"

    @property
    def budget_name(self) -> str:
        """The name of its budget, under which all workers count it."""
        return f"key-{self.id}"

    def allows_model(self, name: str) -> bool:
        """Tell whether the key may use a public name."""
        return not self.models or any(fnmatchcase(name, pattern) for pattern in self.models)
