"""
The mark of a run of Budwood's models: which observers their client reports it to.

It is in the metadata of the run, so that `BudwoodCallbackHandler` reports each call to an observer only once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from budwood import BudwoodError
from budwood.contracts import Observer
from budwood.names import normalise
from budwood_langchain.clients import BudwoodComponent

MARK: Final = "budwood_observers"


def make_mark(component: BudwoodComponent) -> list[str]:
    """Return the names of the observers of a component's client, and the identities of those that are objects."""
    try:
        client = component.client or component.async_client or component.get_client()
    except BudwoodError:  # which the call raises as well
        return []
    return [_name(observer) for observer in client.observers()]


def list_marked(metadata: Mapping[str, Any] | None, observers: Iterable[str | Observer]) -> list[str | Observer]:
    """Return those of some observers that the client of a run reports to."""
    marks = (metadata or {}).get(MARK) or ()
    return [observer for observer in observers if _name(observer) in marks]


def _name(observer: str | Observer) -> str:
    return normalise(observer) if isinstance(observer, str) else f"{type(observer).__name__}@{id(observer):x}"
