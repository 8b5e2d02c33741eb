"""Find media handlers, and read files with them."""

from __future__ import annotations

from typing import Any

from budwood import logs
from budwood.errors import PluginError, PromptError
from budwood.hooks import MEDIA_HANDLER, MediaHandlerSpec
from budwood.plugins import Instance, Instances, faults
from budwood.plugins.first_party import first_party_handler, install_hint
from budwood.types import MediaFile, Part


def read_file(instances: Instances, file: MediaFile) -> tuple[Part, ...]:
    """
    Convert a file into parts of a message.

    Raises:
        PromptError: No handler supports the file, its content does not match its type, or it cannot be read.
        PluginFaultError: The handler failed.
    """
    handler = find_media_handler(instances, file.name, file.media_type)
    with faults.call_boundary(handler.source, "parts"):
        try:
            return tuple(handler.implementation.parts(file))
        except OSError as error:
            reason = error.strerror or error
            raise PromptError(f"Cannot read {file.name}: {reason}.", hint="Check the file.") from error


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
    hint = f"Supported types: {supported}."
    if distribution := first_party_handler(media_type):
        hint = f"{install_hint(distribution)}. {hint}"
    raise PromptError(f"Cannot read {name}: no installed media handler supports {media_type}.", hint=hint)
