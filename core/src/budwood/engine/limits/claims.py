"""The claims of an attempt on the limits of its endpoint, its model and its keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood.engine.limits.periods import period_of
from budwood.errors import RateLimitError
from budwood.option_settings import find_timezone
from budwood.types import Claim

if TYPE_CHECKING:
    from budwood.endpoint_settings import Limits
    from budwood.engine.endpoints.credentials import Lease
    from budwood.engine.endpoints.endpoint import Endpoint

MINUTE: Final = 60.0

PACE: Final = 0.98
"""The share of a rate that is used. Requests arrive less evenly than they are sent, so that a client that sends at
exactly the limit of the vendor is rejected now and then."""


class Scope(NamedTuple):
    """
    Limits, with the name of what they apply to.

    Attributes:
        name: The name: of an endpoint, ``"name#2"``; of one of its models, ``"name#2/model"``; or of a group of
            keys, which endpoints may share, ``"[group]"``.
    """

    name: str
    limits: Limits


def find_scopes(endpoint: Endpoint, model: str, group: str | None) -> list[Scope]:
    """
    Return the limits that apply to an attempt, the most specific ones last.

    Args:
        endpoint: The endpoint.
        model: The model.
        group: The group of the key; None if the endpoint has no groups.
    """
    settings, quota = endpoint.settings, quota_name(endpoint)
    scopes = [] if settings.limits is None else [Scope(quota, settings.limits)]
    if group is not None and (limits := _limits_of_group(endpoint, group)) is not None:
        scopes.append(Scope(f"[{group}]", limits))
    if (limits := _limits_of_model(endpoint, model)) is not None:
        scopes.append(Scope(f"{quota}/{model.lower()}", limits))
    return scopes


def quota_name(endpoint: Endpoint) -> str:
    """Return the name of an endpoint's quota: its label, or its group if it shares the quota of other endpoints."""
    group = endpoint.settings.group
    if group is None:
        return endpoint.label or endpoint.name
    return endpoint.name if group == endpoint.name else f"{endpoint.name}[{group}]"


def prevents_overload(endpoint: Endpoint, model: str, error: BaseException) -> bool:
    """Return whether the settings limit what caused an error: the attempts at a time, or for a rate limit, a rate."""
    groups = (key.limits for key in endpoint.settings.keys)
    for limits in (endpoint.settings.limits, _limits_of_model(endpoint, model), *groups):
        if limits is not None and (
            limits.concurrency is not None
            or (isinstance(error, RateLimitError) and (limits.requests_per_minute or limits.tokens_per_minute))
        ):
            return True
    return False


def build_claims(scopes: Sequence[Scope], tokens: int, now: float) -> list[Claim]:
    """
    Return what an attempt takes from each limit.

    Args:
        scopes: The limits.
        tokens: The estimate of the tokens that count against the limits; 0 if the request uses none.
        now: Seconds since 1970.
    """
    return [claim for scope in scopes for claim in _claims_of(scope, tokens, now)]


def counts_tokens(scopes: Sequence[Scope]) -> bool:
    """Return whether any of the limits counts tokens."""
    return any(scope.limits.tokens_per_minute or scope.limits.tokens_per_day for scope in scopes)


def token_claims(claims: Sequence[Claim]) -> Iterator[Claim]:
    """Return the claims that count tokens."""
    return (claim for claim in claims if ":tokens_" in claim.key)


def is_rate_of(claim: Claim, unit: str) -> bool:
    """Return whether a claim is the rate per minute of ``"requests"`` or ``"tokens"``."""
    return claim.key.endswith(f":{unit}_per_minute")


def is_impossible(claim: Claim) -> bool:
    """Return whether a claim is larger than the whole quota, so that waiting for its next period is useless."""
    return claim.kind == "quota" and claim.amount > claim.limit


def is_of_group(claim: Claim, lease: Lease | None) -> bool:
    """Return whether a claim is on a limit of the group of a key."""
    return lease is not None and claim.key.startswith(f"[{lease.group}]:")


def _claims_of(scope: Scope, tokens: int, now: float) -> Iterator[Claim]:
    limits = scope.limits
    for unit, amount, limit in (
        ("requests", 1.0, limits.requests_per_minute),
        ("tokens", float(tokens), limits.tokens_per_minute),
    ):
        if limit is not None and amount:
            yield Claim(f"{scope.name}:{unit}_per_minute", "rate", limit * PACE, amount, MINUTE)
    for unit, amount, limit in (
        ("requests", 1.0, limits.requests_per_day),
        ("tokens", float(tokens), limits.tokens_per_day),
    ):
        if limit is not None and amount:
            resets_at = period_of(now, "day", find_timezone(limits.timezone))[1].timestamp()
            yield Claim(f"{scope.name}:{unit}_per_day", "quota", limit, amount, resets_at=resets_at, is_lasting=True)
    if limits.concurrency is not None:
        yield Claim(f"{scope.name}:concurrency", "concurrency", limits.concurrency)


def _limits_of_model(endpoint: Endpoint, model: str) -> Limits | None:
    """Return the limits of the pattern that matches a model: an exact one, or else the first."""
    name = model.lower()
    matching = [
        (pattern.lower(), limits)
        for pattern, limits in endpoint.settings.model_limits.items()
        if fnmatchcase(name, pattern.lower())
    ]
    exact = [limits for pattern, limits in matching if pattern == name]
    return next(iter((*exact, *(limits for _, limits in matching))), None)


def _limits_of_group(endpoint: Endpoint, name: str) -> Limits | None:
    group = endpoint.pool.group(name) if endpoint.pool is not None else None
    return group.limits if group is not None else None
