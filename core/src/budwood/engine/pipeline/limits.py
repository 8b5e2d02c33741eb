"""Placeholder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.attempt import Attempt


def with_limits(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Pass every attempt on."""
    return send
