"""
Log structured events: one for each request and each attempt.

Nothing is written, and structlog is not imported, until the program configures structlog or calls `configure_logging`.
Events contain names, ids, sizes and durations. They never contain secrets, and the content of prompts and replies only
after ``configure_logging(content=True)``.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any, Literal

    Level = Literal["debug", "info", "warning"]

REDACTED = "[redacted]"

CONTENT_FIELDS = frozenset({"prompt", "text", "arguments", "result"})
"""Fields of events with text of users or models."""

_LEVELS = {"debug": 10, "info": 20, "warning": 30}
"""The numbers of levels, as in `logging`."""

_NO_LEVELS: frozenset[str] = frozenset()

_SECRET_WORDS = ("api_key", "authorization", "cookie", "password", "secret", "credential")
_logs_content = False


def configure_logging(
    *, level: Literal["debug", "info", "warning", "error"] = "info", json: bool = False, content: bool = False
) -> None:
    """
    Write Budwood's events to standard error, with colors if that is a terminal and ``NO_COLOR`` is not set.

    A program that configures structlog itself gets the events without calling this.

    Args:
        level: The lowest level that is written.
        json: Write one JSON object per line instead of text for people.
        content: Also write prompts and replies. Secrets stay redacted.
    """
    import structlog

    global _logs_content  # noqa: PLW0603 - process-wide, as structlog's own configuration is
    _logs_content = content
    for_people = structlog.dev.ConsoleRenderer(
        colors=_has_colors(),
        exception_formatter=structlog.dev.plain_traceback,  # the default has colors in files, and local variables
    )
    renderers = [structlog.processors.JSONRenderer()] if json else [_quote_unprintable, for_people]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


class _Quoted:
    """A text that is written with quotes and escapes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def _quote_unprintable(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Quote texts with characters that would move the cursor of a terminal, or make the log binary."""
    for name, value in fields.items():
        if isinstance(value, str) and not value.isprintable() and name not in ("event", "exception"):
            fields[name] = _Quoted(value)
    return fields


def _has_colors() -> bool:
    """Tell whether standard error is a terminal that shows colors, and the user has not turned them off."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_enabled(level: Level | None = None) -> bool:
    """
    Tell whether logging is configured, and whether events of a level are written. If not, callers need no fields.

    Args:
        level: The level; None for any.
    """
    structlog = sys.modules.get("structlog")
    if structlog is None or not structlog.is_configured():
        return False
    return level is None or level in written_levels()


def written_levels() -> frozenset[str]:
    """Return the levels whose events are written; none unless logging is configured."""
    structlog = sys.modules.get("structlog")
    if structlog is None or not structlog.is_configured():
        return _NO_LEVELS
    return _find_levels(structlog.get_config()["wrapper_class"])


@functools.lru_cache(maxsize=8)
def _find_levels(wrapper: type) -> frozenset[str]:
    """Return the levels that loggers of a class write: all, unless structlog's own filter leaves some out."""
    logger = wrapper(None, (), {})
    writes = getattr(logger, "is_enabled_for", None)
    return frozenset(name for name, number in _LEVELS.items() if writes is None or writes(number))


def emit(event: str, *, level: Level = "info", **fields: object) -> None:
    """Write an event, if logging is configured and writes its level."""
    if not is_enabled(level):
        return
    import structlog

    logger = structlog.get_logger("budwood")
    getattr(logger, level)(event, **{name: _redact(name, value) for name, value in fields.items()})


def _redact(name: str, value: object) -> object:
    if any(word in name.lower().replace("-", "_") for word in _SECRET_WORDS):
        return REDACTED
    if name in CONTENT_FIELDS and not _logs_content:
        return REDACTED
    if isinstance(value, Mapping):
        return {key: _redact(str(key), inner) for key, inner in value.items()}
    return value
