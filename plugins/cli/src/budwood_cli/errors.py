"""Errors of commands: exit statuses and messages."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol, runtime_checkable

from budwood import errors
from budwood_cli import terminal
from budwood_cli.hints import to_chat, to_command_line
from budwood_cli.pasted_keys import hide_keys

_TEXTS: Final = frozenset({"prompt", "text"})
"""Arguments of commands that are texts of several words."""

_ADDRESS_HINT: Final = (
    "The settings have the address, also for jobs, which other commands continue: "
    "`budwood config set providers.NAME.base_url URL`."
)

GENERAL: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 3
CREDENTIALS: Final = 4
LIMIT: Final = 5
VENDOR: Final = 6
PARTIAL: Final = 7
INTERRUPTED: Final = 130

_IS_USAGE: Final = "is_usage_error"
"""The attribute of errors that `blame_arguments` sets."""

STATUSES: Final[Mapping[type[errors.BudwoodError], int]] = {
    errors.BudwoodError: GENERAL,
    errors.PromptError: USAGE,
    errors.ConfigurationError: CONFIGURATION,
    errors.PluginError: CONFIGURATION,
    errors.CredentialError: CREDENTIALS,
    errors.AuthenticationError: CREDENTIALS,
    errors.PermissionDeniedError: CREDENTIALS,
    errors.BudgetExceededError: LIMIT,
    errors.RateLimitError: LIMIT,
    errors.QuotaExhaustedError: LIMIT,
    errors.ProviderError: VENDOR,
}
"""Exit statuses by class of error; a class that is not listed has the status of its nearest base class."""


CODES: Final[Mapping[type[errors.BudwoodError], str]] = {
    errors.CredentialError: "no_credentials",
    errors.PromptError: "invalid_prompt",
    errors.RateLimitError: "rate_limited",
    errors.RequestTimeoutError: "timeout",
    errors.ServerError: "server_error",
}
"""Codes of errors that differ from the name of the class, which is otherwise the code: ``not_found``."""


class PartialError(errors.BudwoodError):
    """Part of a batch failed. The finished part is saved."""


class OutputError(errors.BudwoodError):
    """A result cannot be written."""


class ArgumentError(errors.BudwoodError):
    """An argument of a command is not valid."""

    error_code = "usage"


class NoModelError(errors.ConfigurationError):
    """No model is given, neither as an option nor in the settings."""

    error_code = "no_model"


def blame_arguments(error: errors.BudwoodError) -> None:
    """Have an error end a command with the status of usage: a server has found it in the arguments of the command."""
    setattr(error, _IS_USAGE, True)


def status_of(error: Exception) -> int:
    """Return the exit status of an error."""
    if isinstance(error, PartialError):
        return PARTIAL
    if isinstance(error, ArgumentError) or getattr(error, _IS_USAGE, False):
        return USAGE
    if isinstance(error, _UsageError):
        return error.exit_code
    if isinstance(error, errors.NotFoundError) and error.status is None:  # no vendor was asked
        return CONFIGURATION
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), GENERAL)


def report(error: Exception, *, command: str = "budwood", as_json: bool = False, as_turn: bool = False) -> int:
    """
    Write an error, its notes and its hint to standard error, as lines or as JSON, and return its exit status.

    With ``BUDWOOD_DEBUG=1`` the traceback is written too.

    Args:
        error: The error.
        command: The command that ran, such as ``budwood runs show``, for errors that do not name it.
        as_json: Whether to write one line of JSON.
        as_turn: Whether a chat continues after it: then hints name its commands, and lines break at words.
    """
    if os.environ.get("BUDWOOD_DEBUG", "0") not in ("", "0"):
        import traceback

        terminal.note(hide_keys("".join(traceback.format_exception(error)).rstrip()))
    message, hint, *notes = _lines(error, command)
    if as_json:
        known = {"notes": notes} if notes else {}
        described = {"code": code_of(error), "message": message, "hint": hint or None, **known}
        terminal.note(terminal.to_json({"error": described | describe(error) | described}))
        return status_of(error)
    if as_turn and hint:
        hint = to_chat(hint)
    lines = [("error:", message), *(("note:", note) for note in notes), *([("hint:", hint)] if hint else [])]
    for label, line in lines:
        wrapped = terminal.wrap(f"{label} {line}") if as_turn else f"{label} {line}"
        terminal.note(wrapped.removeprefix(f"{label} "), label=label)
    request_id = getattr(error, "request_id", None)
    if request_id:
        terminal.note(f"request: {request_id}")
    return status_of(error)


def _lines(error: Exception, command: str) -> list[str]:
    """Return the message, the hint and the notes of an error, without a key that an argument may be by mistake."""
    message, hint = _message_and_hint(error, command)
    quotes_arguments = isinstance(error, ArgumentError | _UsageError)
    lines = (message, hint or "", *getattr(error, "__notes__", ()))
    return [hide_keys(line, also_random=quotes_arguments) for line in lines]


def describe(error: Exception) -> dict[str, Any]:
    """Return what is known of an error, as JSON."""
    is_usage_error = isinstance(error, _UsageError)  # the names of its classes depend on the version of typer
    name = "UsageError" if is_usage_error else type(error).__name__
    described: dict[str, Any] = {
        "code": code_of(error),
        "type": name,
        "message": hide_keys(getattr(error, "message", str(error))),
    }
    if isinstance(error, errors.ProviderError):
        known = {"status": error.status, "request_id": error.request_id, "vendor_code": error.code}
        described |= {key: value for key, value in known.items() if value is not None}
    return described


def code_of(error: Exception) -> str:
    """Return the code of an error: a word that does not change with its message, such as ``rate_limited``."""
    if isinstance(error, _UsageError):
        return ArgumentError.error_code
    for kind in type(error).__mro__:
        if "error_code" in vars(kind):
            return str(vars(kind)["error_code"])
        if issubclass(kind, errors.BudwoodError):
            return CODES.get(kind) or _to_snake_case(kind.__name__.removesuffix("Error"))
    return "system" if isinstance(error, OSError) else "internal"


def _to_snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _message_and_hint(error: Exception, command: str) -> tuple[str, str | None]:
    """Return the message of an error, and its hint if there is one."""
    if isinstance(error, errors.BudwoodError):
        provider = error.provider if isinstance(error, errors.ProviderError) else None
        hint = to_command_line(error.hint) if error.hint else None
        return (f"{provider}: {error.message}" if provider else error.message), hint
    if isinstance(error, _UsageError):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else command
        message = error.format_message().replace("Value error, ", "")  # Pydantic's prefix, in newer versions of typer
        if getattr(error, "possibilities", None):
            message = _name_nearest(error)
        if getattr(error, "option_name", None) == "--base-url":
            return message, _ADDRESS_HINT
        quoting = f'Quote a text of several words: `{command} "…"`. ' if _is_unquoted(message, context) else ""
        return message, f"{quoting}`{command} --help` lists the arguments and options."
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}".rstrip(".") + ".", getattr(error, "hint", None)
    text = f": {error}" if str(error) else ""
    return f"{type(error).__name__}{text}", "This is a bug in Budwood. Set BUDWOOD_DEBUG=1 to see the traceback."


def _name_nearest(error: Any) -> str:  # noqa: ANN401 - an exception of click, see below
    """Return the message about an unknown option, with the known one that is most similar to it."""
    from difflib import get_close_matches

    near = get_close_matches(error.option_name, error.possibilities, n=1)
    return f"No such option: {error.option_name}.{f' Did you mean {near[0]}?' if near else ''}"


def _is_unquoted(message: str, context: Any) -> bool:  # noqa: ANN401 - see above
    """Tell whether there are more arguments than the one text of a command."""
    names = {param.name for param in context.command.params} if context else set()
    return "unexpected extra argument" in message and not names.isdisjoint(_TEXTS)


@runtime_checkable
class _UsageError(Protocol):
    """What typer raises for invalid arguments. Newer versions have click's exceptions in a private module."""

    exit_code: int

    def format_message(self) -> str: ...
