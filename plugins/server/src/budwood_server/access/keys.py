"""API keys: what they permit."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from budwood_server.settings import RequestOptionNames

INFER: Final = "infer"
PROMPTS: Final = "prompts"
TELEMETRY: Final = "telemetry"
WEBHOOKS: Final = "webhooks"
TEXTS: Final = "texts"
ADMIN: Final = "admin"
SCOPES: Final = {
    INFER: "call models, and use their files, batches and responses",
    PROMPTS: "read and change prompts",
    TELEMETRY: "read usage, costs and metrics",
    WEBHOOKS: "send events to endpoints of its owner; which events depends on the other scopes",
    TEXTS: "get the texts of prompts and replies in events",
    ADMIN: "manage keys and settings; it excludes infer",
}
"""What a key can be for, and what that permits. Further scopes may follow."""


BUDGET_OF_KEY: Final = "key-"
"""What the names of budgets of keys begin with."""


def _check_text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def _check_scopes(scopes: frozenset[str]) -> frozenset[str]:
    if unknown := sorted(scopes - SCOPES.keys()):
        raise ValueError(f"{unknown[0]!r} is no scope; the scopes are {', '.join(SCOPES)}")
    if {ADMIN, INFER} <= scopes:
        raise ValueError("admin and infer exclude each other: create two keys")
    return scopes


def _check_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{name!r} is no time zone; use a name such as 'Europe/Oslo'") from None
    return name


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_text)]
Scopes = Annotated[frozenset[str], Field(min_length=1), AfterValidator(_check_scopes)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KeyBudget(_Record):
    """
    What a key may spend in a period. It has either ``dollars`` or ``tokens``.

    Attributes:
        dollars: The limit in US dollars.
        tokens: The limit in tokens, input and output together.
        per: The period after which it begins anew: a calendar day, a week from Monday, or a calendar month.
        timezone: The time zone in which periods begin.
    """

    dollars: Annotated[Decimal, Field(gt=0, le=10**9, allow_inf_nan=False)] | None = None
    tokens: Annotated[int, Field(ge=1, le=10**15)] | None = None
    per: Literal["day", "week", "month"] = "month"
    timezone: Annotated[str, AfterValidator(_check_timezone)] = "UTC"

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.dollars is None) == (self.tokens is None):
            both = self.dollars is not None
            raise ValueError("it has both dollars and tokens" if both else "it has neither dollars nor tokens")
        return self


class KeyPolicy(_Record):
    """
    What the creator of a key chooses.

    Attributes:
        name: A name for people.
        team: The team to which it belongs, with which it shares files, batches, replies and cache; or None.
        scopes: What it is for: some of `SCOPES`.
        expires: When it ends, or None.
        models: Patterns of the public names that it may use, such as ``"fast"`` or ``"openai/*"``; empty for all.
        requests_per_minute: The limit, or None; ``tokens_per_minute`` likewise.
        budget: What it may spend, or None.
        request_options: The options that its requests may set, or None for those that the settings allow.
    """

    name: Name
    team: Name | None = None
    scopes: Scopes = frozenset({INFER})
    expires: AwareDatetime | None = None
    models: tuple[Name, ...] = ()
    requests_per_minute: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1, le=10**15)] | None = None
    budget: KeyBudget | None = None
    request_options: RequestOptionNames | None = None

    def allows_model(self, name: str) -> bool:
        """Tell whether the key may use a public name."""
        return not self.models or _compile(self.models).fullmatch(name) is not None


class ApiKey(KeyPolicy):
    """
    A key, without its secret.

    Attributes:
        id: The public part of the key, by which it is shown and found.
        source: What created it: ``"command"``, ``"first start"``, ``"settings"`` or ``"api"``.
        created: When it was created.
        revoked: When it was revoked, or None.
        last_used: When it was last used, to about a minute, or None.
        old_secret_expires: Until when the secret before the last rotation is accepted, or None.
        version: Changes whenever the key is changed.
    """

    id: str
    source: str = "command"
    created: AwareDatetime
    revoked: AwareDatetime | None = None
    last_used: AwareDatetime | None = None
    old_secret_expires: AwareDatetime | None = None
    version: int = 0

    @property
    def owner(self) -> str:
        """Who owns what is created with the key: its team, or the key itself."""
        return name_owner(self.id, self.team)

    @property
    def has_rates(self) -> bool:
        """Whether its requests or tokens per minute are limited."""
        return self.requests_per_minute is not None or self.tokens_per_minute is not None

    @property
    def budget_name(self) -> str:
        """The name of its budget, under which all workers count it."""
        return name_budget(self.id)

    def find_status(self, now: datetime) -> Literal["active", "revoked", "expired"]:
        """Return whether it can be used at a moment, or why not."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "active"


def name_budget(key_id: str) -> str:
    """Return the name of the budget of a key."""
    return f"{BUDGET_OF_KEY}{key_id}"


def name_owner(key_id: str, team: str | None) -> str:
    """Return who owns what is created with a key of a team, or without one."""
    return f"key-{key_id}" if team is None else f"team-{team}"


@lru_cache(maxsize=1024)
def _compile(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))
