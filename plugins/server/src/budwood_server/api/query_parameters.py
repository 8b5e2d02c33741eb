"""The names of parameters in the query of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import Request

from budwood.names import did_you_mean, join_names
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant


def check_names(request: Request) -> None:
    """
    Check that the route has each parameter, so that a mistyped filter does not select everything.

    Raises:
        ProblemError: 400: it has not; the hint has the names that are similar.
    """
    if not (given := request.query_params.keys()):
        return
    known = {*_list_names(request.scope["route"].dependant)}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        hint = did_you_mean(unknown, known) or f"Its parameters: {join_names(known)}."
        raise reject(f"The route has no parameter {unknown[:100]!r}.", code="unknown_parameter", hint=hint)


def _list_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for each in dependant.dependencies:
        yield from _list_names(each)
