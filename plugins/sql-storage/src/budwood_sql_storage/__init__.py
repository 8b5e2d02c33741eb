"""Datasets in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import StorageSpec, hookimpl
from budwood_sql_storage.settings import SQLStorageSettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_sql_storage.storage import SQLStorage

__all__ = ["SQLStorageSettings", "budwood_storages"]


def _build(settings: SQLStorageSettings, context: PluginContext) -> SQLStorage:
    from budwood_sql_storage.storage import build_sql_storage  # it imports SQLAlchemy, which is slow

    return build_sql_storage(settings, context)


@hookimpl
def budwood_storages() -> Iterable[StorageSpec[Any]]:
    """Describe the storage."""
    return [
        StorageSpec(
            name="sql",
            settings=lambda: SQLStorageSettings,
            build=_build,
            requires_api=(2, 0),
            outputs=(
                "sqlite://*",
                "postgresql://*",
                "postgresql+psycopg://*",
                "postgres://*",
                "*.sqlite",
                "*.sqlite3",
                "*.db",
            ),
            summary="A table in SQLite or PostgreSQL: one row per row, with typed columns.",
        )
    ]
