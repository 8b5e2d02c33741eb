"""Convert files into parts of messages with media handlers."""

from __future__ import annotations

from typing import Any

from budwood import logs
from budwood.errors import PluginError, PromptError
from budwood.hooks import MEDIA_HANDLER, MediaHandlerSpec
from budwood.plugins import Instance, Instances, faults
from budwood.types import Part


def read_file(instances: Instances, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
    """
    Convert the content of a file into parts of a message.

    Raises:
        PromptError: No handler supports the file, or its content does not match its type.
        PluginFaultError: The handler failed.
    """
    handler = find_media_handler(instances, name, media_type)
    with faults.call_boundary(handler.source, "parts"):
        return tuple(handler.implementation.parts(name, data, media_type))


def find_media_handler(instances: Instances, name: str, media_type: str) -> Instance[MediaHandlerSpec[Any]]:
    """
    Return the handler of a media type. An exact media type takes precedence over a wildcard.

    Only handlers whose entry point states a matching media type are imported. One that cannot be used is skipped.

    Raises:
        PromptError: There is none that can be used; ``name`` is the file's, for the message.
    """
    failures: list[PluginError] = []
    for candidate in instances.find_matching_names(MEDIA_HANDLER, media_type):
        try:
            return instances.build(MEDIA_HANDLER, candidate)
        except PluginError as error:
            logs.emit("media handler failed", level="warning", handler=candidate, reason=str(error))
            failures.append(error)
    if failures:
        raise PromptError(
            f"Cannot read {name}: no media handler for {media_type} can be used.", hint=" ".join(map(str, failures))
        ) from failures[0]
    supported = ", ".join(instances.list_patterns(MEDIA_HANDLER)) or "none"
    raise PromptError(
        f"Cannot read {name}: no installed media handler supports {media_type}.", hint=f"Supported types: {supported}."
    )
