"""Views of clients, which share everything with them and set defaults of all calls."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import cache
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from budwood.client import forking
from budwood.client.arguments import check_routing
from budwood.contracts.tags import merge_tags, parse_tags
from budwood.engine import ClientEngine, ClientOptions
from budwood.engine.chat.options import override, reject_unknown_options
from budwood.errors import ConfigurationError
from budwood.names import join_names
from budwood.option_settings import Options

C = TypeVar("C")


class View:
    """The part of a view that differs from the client, whose class it inherits as well."""

    def __init__(self, client: Any, engine: ClientEngine) -> None:  # noqa: ANN401 - either client
        self._client = client
        self._engine = engine
        forking.clients.add(self)

    def __getattr__(self, name: str) -> object:
        if name == "_client":
            raise AttributeError(name)  # the view is not complete yet
        return getattr(self._client, name)

    def _after_fork(self) -> None:
        for budget in self._engine.budgets:  # the client renews all else
            budget.reset_lock()


class _BlockingView(View):
    def close(self) -> None:
        """Leave the client open, because views share it."""


class _AsyncView(View):
    async def close(self) -> None:
        """Leave the client open, because views share it."""


def make_view(
    client: C,
    *,
    label: str | None = None,
    tags: Mapping[str, str] | None = None,
    budgets: Mapping[str, Mapping[str, Any]] | None,
    options: ClientOptions,
) -> C:
    """
    Return a client that shares everything with another one, and sets defaults of all its calls.

    Args:
        client: The client, or a view of one, whose defaults remain unless these replace them.
        label: The label.
        tags: Tags, which are added to those of the client.
        budgets: Budgets by name, in addition to those of the client.
        options: Options of a client.

    Raises:
        ConfigurationError: A default is not valid, or the client has a budget of the same name.
    """
    viewed: Any = client
    engine: ClientEngine = copy(viewed._engine)  # noqa: SLF001 - a view of it
    if label is not None:
        engine.label = check_label(label)
    if tags is not None:
        engine.tags = merge_tags(engine.tags, parse_tags(tags))
    reject_unknown_options(options, frozenset(Options.model_fields))
    engine.options = override(engine.options, dict(options))
    check_routing(engine)
    if budgets is not None:
        _add_budgets(engine, budgets)
    owner: Any = viewed._client if isinstance(viewed, View) else viewed  # noqa: SLF001
    kind: Any = type(owner)
    view: C = _view_class(kind)(owner, engine)
    return view


def check_label(label: object) -> str:
    """
    Return a label.

    Raises:
        ConfigurationError: It is not a text, or is empty.
    """
    if not isinstance(label, str) or not label:
        raise ConfigurationError(
            f"A label must be a text that is not empty; got {label!r}.", hint='Pass one: client.labelled("nightly").'
        )
    return label


def _add_budgets(engine: ClientEngine, budgets: Mapping[str, Mapping[str, Any]]) -> None:
    from budwood.engine.budgets.client_budgets import make_budgets  # few programs have budgets

    added = make_budgets({}, budgets, engine.endpoints.find_limiter)
    if taken := {budget.name for budget in added} & {budget.name for budget in engine.budgets}:
        raise ConfigurationError(
            f"The client has a budget of this name already: {join_names(taken)}.",
            hint="Choose another name: both apply to the calls of a view.",
        )
    engine.budgets = (*engine.budgets, *added)


@cache
def _view_class(client: Any) -> type[Any]:  # noqa: ANN401 - the class of either client
    view = _AsyncView if iscoroutinefunction(client.close) else _BlockingView
    return type(client.__name__, (view, client), {"__module__": client.__module__})
