"""The tables of dataset runs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Integer, String, Table, Text

from budwood_server.database.tables.metadata import metadata

RUNS: Final = Table(
    "budwood_runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),  # grows with each change
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("principal_kind", String(32), nullable=False),  # who has submitted it, and pays for its calls
    Column("principal_id", String(128), nullable=False),
    Column("specification", JSON, nullable=False),
    Column("state", String(32), nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("due", Double, nullable=False),  # when a worker may claim it: of a run under way the end of its lease
    Column("worker", String(128)),
    Column("claims", Integer, nullable=False),  # those of workers that died
    Column("cancelled", Double),  # when that was asked for
    Column("progress", JSON, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Index("budwood_runs_by_owner", "owner", "created", "id"),
    Index("budwood_runs_by_state", "state", "due"),
)
"""Dataset runs. `budwood_server.runs.records.Run` describes the columns."""

RUN_DOCUMENTS: Final = Table(
    "budwood_run_documents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created", Double, nullable=False),
    Index("budwood_run_documents_by_owner", "owner", "created", "id"),
)
"""Uploaded documents of runs. Their content is in the folder of runs."""
