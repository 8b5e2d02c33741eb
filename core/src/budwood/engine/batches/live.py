"""Batches of ordinary calls, as the engine prepares them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypedDict

from budwood.engine.batches.results import Result
from budwood.engine.drivers.effects import Flow


class LiveFacts(TypedDict):
    """The metadata of a batch of ordinary calls."""

    provider: str
    model: str
    total: int
    created: float


class LiveCalls(NamedTuple):
    """
    Requests as ordinary calls.

    Attributes:
        flows: The flow of each.
        again: Returns new flows for some of them, by their index.
        facts: The metadata of the job.
    """

    flows: Iterator[Flow[Result]]
    again: Callable[[Sequence[int]], Iterator[Flow[Result]]]
    facts: LiveFacts
