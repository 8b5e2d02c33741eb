"""Budwood's async client over httptools."""

from __future__ import annotations

from tests.benchmarks.contenders import budwood_aiohttp


class Client(budwood_aiohttp.Client):
    """
    One async client.
    """

    transport = "httptools"
