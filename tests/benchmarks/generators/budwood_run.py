"""A dataset run of Budwood, as users start it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.benchmarks.generation_worker import SCHEMA, Case


def prepare(case: Case, address: str, folder: str) -> Callable[[], int]:
    """
    Return a function that generates the dataset.
    """
    from budwood_generation import generate

    def create_rows() -> int:
        report = generate(create_spec(case, folder), settings=create_settings(address))
        if not report.complete:
            raise AssertionError(report.failures)
        return report.rows

    return create_rows


def create_spec(case: Case, folder: str) -> dict[str, Any]:
    """
    Return the specification of a run.
    """
    common = {"rows": case.rows, "concurrency": case.slots, "output": "rows.jsonl", "root": folder}
    strategy = {"plugin": "seed-list", "seeds": [f"Write about topic {number}." for number in range(case.rows)]}
    if case.turns:
        return common | {"conversation": {"answerer": "local/bench", "turns": [1, case.turns], "strategy": strategy}}
    row = {"model": "local/bench", "schema": SCHEMA, "instruction": "Invent a person.", "strategy": strategy}
    return common | {"row": row}


def create_settings(address: str) -> dict[str, Any]:
    """
    Return the settings with which ``local/bench`` uses the server.
    """
    return {"providers": {"local": {"plugin": "openai-compatible", "base_url": address}}}
