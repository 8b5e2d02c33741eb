"""The built-in storage, registered like those of other plugins."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import StorageSpec, hookimpl
from budwood_generation.storages.jsonl import JSONLStorage, JSONLStorageSettings

__all__ = ["JSONLStorage", "JSONLStorageSettings", "budwood_storages"]


@hookimpl
def budwood_storages() -> Iterable[StorageSpec[Any]]:
    """Return the spec of the storage."""
    return [
        StorageSpec(
            name="jsonl",
            settings=lambda: JSONLStorageSettings,
            build=JSONLStorage,
            requires_api=(2, 0),
            outputs=("*.jsonl", "*.jsonl.gz"),
            summary="JSON lines: one row per line, compressed if the name ends in .gz.",
        )
    ]
