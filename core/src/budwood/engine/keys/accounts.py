"""Work whose requests depend on each other, such as an upload and a job: all of them use keys of one account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from budwood.engine.drivers.effects import Flow
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.call import Call
from budwood.errors import AuthenticationError, ProviderError, QuotaExhaustedError, RateLimitError

T = TypeVar("T")

OF_KEYS: Final = (AuthenticationError, QuotaExhaustedError, RateLimitError)
"""Errors that depend on the key."""


def on_one_account(
    call: Call, work: Callable[[], Flow[T]], errors: tuple[type[ProviderError], ...] = OF_KEYS
) -> Flow[T]:
    """
    Perform work with the keys of one group, which the target of the call has afterwards.

    Files and jobs belong to the account of the key that created them, so keys of other groups do not find them.

    Args:
        call: The call.
        work: Starts the work. It is started again with the keys of the next group after one of ``errors``.
        errors: Errors that keys of another group may not get.
    """
    target, tried = call.target, list[str]()
    pool = target.endpoint.pool
    while pool is not None and pool.has_several_quotas:
        group = pool.next_group(call.clock.monotonic(), tried)
        if group is None:
            break
        tried.append(group)
        call.target = select_account(target, group)
        try:
            return (yield from work())
        except errors as error:
            if error.may_be_accepted or pool.next_group(call.clock.monotonic(), tried) is None:
                raise
    return (yield from work())


def select_account(target: Target, group: str | None) -> Target:
    """Return a target that uses only the keys of a group; the same if there is no such group."""
    pool = target.endpoint.pool
    if pool is None or group is None or pool.group(group) is None:
        return target
    return Target(target.endpoint._replace(pool=pool.only(group)), target.model)


def account_of(target: Target) -> str | None:
    """Return the group of all keys of a target; None if there are several groups, or none."""
    pool = target.endpoint.pool
    return None if pool is None or pool.has_several_quotas else pool.keys[0].group.name
