"""Datasets in S3 and compatible object stores."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import StorageSpec, hookimpl
from budwood_s3_storage.settings import S3StorageSettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_s3_storage.storage import S3Storage

__all__ = ["S3StorageSettings", "budwood_storages"]


def _build(settings: S3StorageSettings, context: PluginContext) -> S3Storage:
    from budwood_s3_storage.storage import S3Storage  # it imports compression and parts of the client

    return S3Storage(settings, context)


@hookimpl
def budwood_storages() -> Iterable[StorageSpec[Any]]:
    """Describe the S3 storage."""
    return [
        StorageSpec(
            name="s3",
            settings=lambda: S3StorageSettings,
            build=_build,
            requires_api=(2, 0),
            summary="Writes datasets to S3 and compatible object stores, as compressed JSON lines with a manifest.",
            outputs=("s3://*",),
        )
    ]
