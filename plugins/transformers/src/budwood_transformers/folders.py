"""What lies on this machine: folders of models, and what was downloaded from the Hub. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from budwood.errors import NotFoundError
from budwood.types import ModelInfo
from budwood_transformers.settings import TransformersSettings

_LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx")


def location(settings: TransformersSettings, model: str) -> str:
    """
    Return the folder of a model, or its name on the Hub.

    Raises:
        NotFoundError: There is no such folder, or the instance has another model.
    """
    path = settings.model_path
    if path is not None and model != own_name(path):
        raise NotFoundError(f"This instance has no model {model!r}.", hint=f"Its one model is {own_name(path)!r}.")
    named = path or model
    if not named.startswith((".", "/", "~", "\\")) and not Path(named).is_absolute():
        return named
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {named}.", hint="A model of the Hub is written ORG/NAME.")
    return str(folder)


def own_name(path: str) -> str:
    """Return the name by which the one model of an instance is asked."""
    return Path(path).name


def context_window(config: dict[str, Any]) -> int | None:
    """Return how many tokens a model reads and writes in all, as its ``config.json`` says; None where it does not."""
    for described in (config, config.get("text_config") or {}):
        for name in _LENGTHS:
            if isinstance(length := described.get(name), int) and length > 0:
                return length
    return None


def listed(settings: TransformersSettings) -> Iterator[ModelInfo]:
    """List the models that can be asked without a download: the instance's own, or those of the Hub's cache."""
    if settings.model_path is not None:
        config = read_file(settings, own_name(settings.model_path), "config.json")
        yield ModelInfo(id=own_name(settings.model_path), context_window=context_window(config or {}))
        return
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        found = scan_cache_dir(settings.cache_folder).repos
    except CacheNotFound:
        return
    for repository in sorted(found, key=lambda repository: str(repository.repo_id)):
        if repository.repo_type == "model" and (config := read_file(settings, repository.repo_id, "config.json")):
            yield ModelInfo(
                id=repository.repo_id,
                created=int(repository.last_modified),
                owned_by=repository.repo_id.partition("/")[0] if "/" in repository.repo_id else None,
                context_window=context_window(config),
            )


def read_file(settings: TransformersSettings, model: str, name: str) -> dict[str, Any] | None:
    """Read a JSON file of a model, if it is on this machine; None where it is not, or holds no table."""
    try:
        place = location(settings, model)
        folder = Path(place)
        path = folder / name if folder.is_dir() else _cached(settings, place, name)
        read = from_json(path.read_bytes()) if path else None
    except (NotFoundError, OSError, ValueError):  # an invalid name is a ValueError; loading it will say so
        return None
    return read if isinstance(read, dict) else None


def _cached(settings: TransformersSettings, model: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, name, cache_dir=settings.cache_folder, revision=settings.revision)
    return Path(found) if isinstance(found, str) else None
