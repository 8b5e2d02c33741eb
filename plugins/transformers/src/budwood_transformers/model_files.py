"""Find models on this machine: folders, and the cache of the Hub. Does not need torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from budwood.errors import NotFoundError
from budwood.types import ModelInfo
from budwood_transformers.settings import TransformersSettings

_LENGTHS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx")


def find_model(settings: TransformersSettings, model: str) -> str:
    """
    Return the folder of a model, or its name on the Hub.

    Raises:
        NotFoundError: The folder does not exist, or the instance has another model.
    """
    path = settings.model_path
    if path is not None and model != instance_model_name(path):
        raise NotFoundError(
            f"This instance has no model {model!r}.", hint=f"Use its only model, {instance_model_name(path)!r}."
        )
    name = path or model
    if not name.startswith((".", "/", "~", "\\")) and not Path(name).is_absolute():
        return name
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise NotFoundError(f"The folder {name} does not exist.", hint="Use ORG/NAME for a model of the Hub.")
    return str(folder)


def instance_model_name(path: str) -> str:
    """Return the name of the only model of an instance: the last component of its path."""
    return Path(path).name


def context_window(config: dict[str, Any]) -> int | None:
    """Return the context window in ``config.json``, in tokens, or None if it has none."""
    for section in (config, config.get("text_config") or {}):
        for name in _LENGTHS:
            if isinstance(length := section.get(name), int) and length > 0:
                return length
    return None


def list_models(settings: TransformersSettings) -> Iterator[ModelInfo]:
    """Yield the models that need no download: that of the instance, or those in the cache of the Hub."""
    if settings.model_path is not None:
        config = read_json_file(settings, instance_model_name(settings.model_path), "config.json")
        yield ModelInfo(id=instance_model_name(settings.model_path), context_window=context_window(config or {}))
        return
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        found = scan_cache_dir(settings.cache_folder).repos
    except CacheNotFound:
        return
    for repository in sorted(found, key=lambda repository: str(repository.repo_id)):
        if repository.repo_type == "model" and (config := read_json_file(settings, repository.repo_id, "config.json")):
            yield ModelInfo(
                id=repository.repo_id,
                created=int(repository.last_modified),
                owned_by=repository.repo_id.partition("/")[0] if "/" in repository.repo_id else None,
                context_window=context_window(config),
            )


def read_json_file(settings: TransformersSettings, model: str, name: str) -> dict[str, Any] | None:
    """Return a JSON file of a model, or None if it is not on this machine or not an object."""
    try:
        location = find_model(settings, model)
        folder = Path(location)
        path = folder / name if folder.is_dir() else _find_in_cache(settings, location, name)
        content = from_json(path.read_bytes()) if path else None
    except (NotFoundError, OSError, ValueError):  # an invalid name is a ValueError; loading the model reports it
        return None
    return content if isinstance(content, dict) else None


def _find_in_cache(settings: TransformersSettings, model: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, name, cache_dir=settings.cache_folder, revision=settings.revision)
    return Path(found) if isinstance(found, str) else None
