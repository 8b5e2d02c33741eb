"""Errors: their exit statuses, and how they are told."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

from budwood import errors
from budwood_cli import terminal
from budwood_cli.hints import in_words_of_commands

GENERAL: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 3
CREDENTIALS: Final = 4
LIMIT: Final = 5
VENDOR: Final = 6
PARTIAL: Final = 7
INTERRUPTED: Final = 130

STATUSES: Final[Mapping[type[errors.BudwoodError], int]] = {
    errors.BudwoodError: GENERAL,
    errors.PromptError: USAGE,
    errors.ConfigurationError: CONFIGURATION,
    errors.PluginError: CONFIGURATION,
    errors.CredentialError: CREDENTIALS,
    errors.AuthenticationError: CREDENTIALS,
    errors.PermissionDeniedError: CREDENTIALS,
    errors.RateLimitError: LIMIT,
    errors.QuotaExhaustedError: LIMIT,
    errors.ProviderError: VENDOR,
}
"""The exit status of each branch of the error tree; a class without a row has that of the nearest one above it."""


class PartialError(errors.BudwoodError):
    """Part of a batch failed; what was finished is kept."""


class ArgumentError(errors.BudwoodError):
    """An argument of a command cannot be used as it is."""


def status_of(error: Exception) -> int:
    """Return the exit status of an error."""
    if isinstance(error, PartialError):
        return PARTIAL
    if isinstance(error, ArgumentError):
        return USAGE
    if isinstance(error, _UsageError):
        return error.exit_code
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), GENERAL)


def report(error: Exception, *, command: str = "budwood") -> int:
    """
    Write an error and its hint to standard error, and return its exit status.

    With ``BUDWOOD_DEBUG=1`` the traceback is written too.

    Args:
        error: The error.
        command: The command that ran, such as ``budwood runs show``, for errors that do not name it.
    """
    if os.environ.get("BUDWOOD_DEBUG", "0") not in ("", "0"):
        terminal.note("".join(traceback.format_exception(error)).rstrip())
    message, hint = _told(error, command)
    terminal.note(f"error: {message}")
    for cure in (hint, *getattr(error, "__notes__", ())):
        if cure:
            terminal.note(f"hint: {cure}")
    request_id = getattr(error, "request_id", None)
    if request_id:
        terminal.note(f"request: {request_id}")
    return status_of(error)


def _told(error: Exception, command: str) -> tuple[str, str | None]:
    """Return the message of an error, and its hint if there is one."""
    if isinstance(error, errors.BudwoodError):
        provider = error.provider if isinstance(error, errors.ProviderError) else None
        hint = in_words_of_commands(error.hint) if error.hint else None
        return (f"{provider}: {error.message}" if provider else error.message), hint
    if isinstance(error, _UsageError):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else command
        message = error.format_message().replace("Value error, ", "")  # Pydantic's prefix, in newer versions of typer
        return message, f"`{command} --help` shows what it takes."
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}.", None
    said = f": {error}" if str(error) else ""
    return f"{type(error).__name__}{said}", "This is a fault of the program. BUDWOOD_DEBUG=1 shows where it is."


@runtime_checkable
class _UsageError(Protocol):
    """What typer raises for wrong arguments; newer versions have click's exceptions in a private module."""

    exit_code: int

    def format_message(self) -> str: ...
