"""
Structured events for whoever wants them: one for each request and each attempt.

Nothing is written, and structlog is not even imported, until the program configures structlog or calls
`configure_logging`. Events carry names, ids, sizes and durations. They carry no secret, and the content of prompts and
replies only after ``configure_logging(content=True)``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

REDACTED = "[redacted]"

CONTENT_FIELDS = frozenset({"prompt", "text", "arguments", "result"})
"""Fields of an event that hold what users or models wrote."""

_SECRET_WORDS = ("api_key", "authorization", "cookie", "password", "secret", "credential")
_content_wanted = False


def configure_logging(
    *, level: Literal["debug", "info", "warning", "error"] = "info", json: bool = False, content: bool = False
) -> None:
    """
    Write Budwood's events to standard error, with colors if that is a terminal and ``NO_COLOR`` is not set.

    A program that configures structlog itself gets the events without calling this.

    Args:
        level: The least level that is written.
        json: One JSON object a line instead of text for people.
        content: Also write prompts and replies. Secrets stay redacted.
    """
    import structlog

    global _content_wanted  # noqa: PLW0603 - process-wide, as structlog's own configuration is
    _content_wanted = content
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=_has_colors())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def _has_colors() -> bool:
    """Tell whether standard error is a terminal that shows colors, and the user has not turned them off."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def wanted() -> bool:
    """Tell whether anyone configured logging, so that callers need not gather fields in vain."""
    structlog = sys.modules.get("structlog")
    return structlog is not None and bool(structlog.is_configured())


def emit(event: str, *, level: Literal["debug", "info", "warning"] = "info", **fields: object) -> None:
    """Write one event, if anyone wants it."""
    if not wanted():
        return
    import structlog

    logger = structlog.get_logger("budwood")
    getattr(logger, level)(event, **{name: _shown(name, value) for name, value in fields.items()})


def _shown(name: str, value: object) -> object:
    if any(word in name.lower().replace("-", "_") for word in _SECRET_WORDS):
        return REDACTED
    if name in CONTENT_FIELDS and not _content_wanted:
        return REDACTED
    if isinstance(value, Mapping):
        return {key: _shown(str(key), inner) for key, inner in value.items()}
    return value
