"""Which calls a request selects, and which of them its sender may see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Query

from budwood.contracts.tags import MAX_TAG_VALUE, is_tag_name
from budwood.types import CallFilter
from budwood_cli.errors import ArgumentError
from budwood_cli.moments import parse_moment
from budwood_server.people.principals import sees_all
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from budwood_server.people.principals import Principal

ANY_ERROR: Final = "any"
"""The value of ``error`` that selects all calls that failed."""

MAX_TAGS: Final = 16
_ANY: Final = "*"  # as `CallFilter.error` has it

Text = Annotated[str | None, Query(min_length=1, max_length=MAX_TAG_VALUE)]
Moment = Annotated[
    str | None,
    Query(max_length=64, description="A date and time in ISO 8601, in UTC unless it has an offset, or a time ago: 7d."),
]
Tags = Annotated[Sequence[str], Query(max_length=MAX_TAGS, description="NAME=VALUE: calls with this tag.")]


def read_filters(
    *,
    since: Moment = None,
    until: Moment = None,
    key: Annotated[Text, Query(description="The id of the API key.")] = None,
    team: Annotated[Text, Query(description="The team of the key.")] = None,
    model: Annotated[Text, Query(description="The name of the model as it was requested.")] = None,
    user: Annotated[Text, Query(description="The user that the request named.")] = None,
    client: Annotated[Text, Query(description="The program that sent it: NAME/VERSION.")] = None,
    prompt: Annotated[Text, Query(description="The version of the prompt: NAME@NUMBER.")] = None,
    label: Annotated[Text, Query(description="The label of the call, by default the name of the key.")] = None,
    provider: Annotated[Text, Query(description="The provider that answered.")] = None,
    vendor_model: Annotated[Text, Query(description="Its model, alone or as provider/model.")] = None,
    vendor_key: Annotated[Text, Query(description="The label of the vendor's key.")] = None,
    error: Annotated[Text, Query(description="The class of the error, or any.")] = None,
    min_seconds: Annotated[float | None, Query(ge=0, le=1e9, description="The shortest duration in seconds.")] = None,
    with_failures: Annotated[bool, Query(description="Calls that failed with an endpoint or a vendor's key.")] = False,
    tag: Tags = (),
) -> CallFilter:
    """
    Return what the query of a request selects.

    Raises:
        ProblemError: A value is not valid.
    """
    now = time.time()
    named = {"key": key, "team": team, "model": model, "user": user, "client": client, "prompt": prompt}
    return CallFilter(
        since=read_moment(since, "since", now),
        until=read_moment(until, "until", now),
        tags={**_read_tags(tag), **{name: value for name, value in named.items() if value is not None}},
        label=label,
        provider=provider,
        model=vendor_model,
        key=vendor_key,
        error=_ANY if error == ANY_ERROR else error,
        slower_than=min_seconds,
        has_failures=with_failures,
    )


def restrict(where: CallFilter, reader: Principal) -> CallFilter:
    """
    Return a filter that selects only calls which a reader may see: for a key those of its team.

    A key without a team sees its own calls. Accounts see all, and so do keys with the scope admin.

    Raises:
        ProblemError: The filter names another team or key.
    """
    if sees_all(reader):
        return where
    name, _, value = reader.owner.partition("-")
    if where.tags.get(name, value) != value:
        raise ProblemError(
            Problem(
                status=403,
                message=f"This key sees the calls of its own {name} only.",
                type="permission_error",
                code="foreign_calls",
                param=name,
                hint=f"Leave {name} out, or use a key with the scopes telemetry and admin.",
            )
        )
    return replace(where, tags={**where.tags, name: value})


def read_moment(text: str | None, name: str, now: float) -> float | None:
    """
    Return a moment of a query in seconds since 1970; None for None.

    Args:
        text: The moment, or how long ago it was, as `Moment` describes it.
        name: The parameter that has it, for errors.
        now: The present moment.

    Raises:
        ProblemError: 400: it is not valid.
    """
    if text is None:
        return None
    try:
        return parse_moment(text, now, option=name)
    except ArgumentError as error:
        raise reject(error.message, param=name, hint=error.hint) from None


def _read_tags(tags: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in tags]
    for name, separator, value in pairs:
        if not separator or not is_tag_name(name) or len(value) > MAX_TAG_VALUE:
            raise reject("A tag must be NAME=VALUE, as in tag=metadata.job=nightly.", param="tag")
    return {name: value for name, _, value in pairs}
