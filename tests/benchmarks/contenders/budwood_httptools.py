"""Budwood's async client over the shortest way."""

from __future__ import annotations

from tests.benchmarks.contenders import budwood_aiohttp


class Client(budwood_aiohttp.Client):
    """
    One async client.
    """

    transport = "httptools"
