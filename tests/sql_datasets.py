"""Datasets and databases for tests of the storage."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg

from budwood.types import Dataset, Row

SCHEMA = {
    "type": "object",
    "required": ["id", "value"],
    "properties": {
        "id": {"type": "string"},
        "value": {
            "type": "object",
            "required": ["review", "stars"],
            "properties": {
                "review": {"type": "string"},
                "stars": {"type": "integer"},
                "score": {"type": "number"},
                "is_kind": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}
REVIEW = {"review": "Good.", "stars": 5, "score": 0.5, "is_kind": True, "tags": ["new"]}


def make_dataset(*, run="5eed", name="reviews", schema=SCHEMA, content="value"):
    """
    Describe a dataset of reviews.
    """
    return Dataset(run=run, name=name, content=content, schema=schema, rows=10)


def make_row(index, **changes):
    """
    Create a row with a review.
    """
    return Row(id=f"{index:08x}", index=index, data={"id": f"{index:08x}", "value": {**REVIEW, **changes}})


def query(output, statement):
    """
    Return the rows of a query, without the code of the storage.
    """
    if output.startswith("sqlite"):
        with closing(sqlite3.connect(output.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute(statement).fetchall()
            connection.commit()
            return rows
    with psycopg.connect(output) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
