"""Datasets as Parquet files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import StorageSpec, hookimpl
from budwood_parquet_storage.settings import ParquetStorageSettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_parquet_storage.storage import ParquetStorage

__all__ = ["ParquetStorageSettings", "budwood_storages"]


def _build(settings: ParquetStorageSettings, context: PluginContext) -> ParquetStorage:
    from budwood_parquet_storage.storage import ParquetStorage  # it imports pyarrow, which is slow

    return ParquetStorage(settings, context)


@hookimpl
def budwood_storages() -> Iterable[StorageSpec[Any]]:
    """Describe the storage."""
    return [
        StorageSpec(
            name="parquet",
            settings=lambda: ParquetStorageSettings,
            build=_build,
            requires_api=(2, 0),
            outputs=("*.parquet",),
            summary="A Parquet file with typed columns.",
        )
    ]
