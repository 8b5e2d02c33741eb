"""Budwood's async client over httptools, with uvloop."""

from __future__ import annotations

import uvloop

from tests.benchmarks.contenders.budwood_httptools import Client

__all__ = ["Client", "loop_factory"]

loop_factory = uvloop.new_event_loop
