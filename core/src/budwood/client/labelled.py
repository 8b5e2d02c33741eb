"""Views of clients, which share everything with them and set the label of all calls."""

from __future__ import annotations

from copy import copy
from functools import cache
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from budwood.engine import Engine
from budwood.errors import ConfigurationError

C = TypeVar("C")


class _View:
    """The part of a view that differs from the client, whose class it inherits as well."""

    def __init__(self, client: Any, label: str) -> None:  # noqa: ANN401 - either client
        self._client = client
        self._label = label

    @property
    def _engine(self) -> Engine:
        engine: Engine = copy(self._client._engine)  # noqa: SLF001 - a view of it
        engine.label = self._label
        return engine

    def __getattr__(self, name: str) -> object:
        if name == "_client":
            raise AttributeError(name)  # the view is not complete yet
        return getattr(self._client, name)


class _BlockingView(_View):
    def close(self) -> None:
        """Leave the client open, because views share it."""


class _AsyncView(_View):
    async def close(self) -> None:
        """Leave the client open, because views share it."""


def make_view(client: C, label: str) -> C:
    """
    Return a client that shares everything with another one, and sets the label of all its calls.

    Raises:
        ConfigurationError: The label is not a text, or is empty.
    """
    value: object = label
    if not isinstance(value, str) or not value:
        raise ConfigurationError(
            f"A label must be a text that is not empty; got {value!r}.", hint='Pass one: client.labelled("nightly").'
        )
    client = getattr(client, "_client", client)
    kind: Any = type(client)
    view: C = _view_class(kind)(client, label)
    return view


@cache
def _view_class(client: Any) -> type[Any]:  # noqa: ANN401 - the class of either client
    view = _AsyncView if iscoroutinefunction(client.close) else _BlockingView
    return type(client.__name__, (view, client), {"__module__": client.__module__})
