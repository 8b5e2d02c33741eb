"""Budwood over the transport that its extra `fast` brings."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, ClassVar

from tests.benchmarks.asking import Unavailable
from tests.benchmarks.contenders import budwood_httpx


class Client(budwood_httpx.Client):
    """
    The same clients, over aiohttp.
    """

    options: ClassVar[dict[str, Any]] = {"transport": "aiohttp"}

    def __init__(self, base_url: str) -> None:
        if "aiohttp" not in entry_points(group="budwood.transports").names:
            raise Unavailable("the transport is not installed")
        super().__init__(base_url)
