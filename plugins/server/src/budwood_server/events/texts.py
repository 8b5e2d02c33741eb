"""Texts of prompts and replies of calls, which are collected only for webhooks and streams that may have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from budwood_server.events.owners import find_owner
from budwood_usage.rows import COLUMNS, to_stored_text

if TYPE_CHECKING:
    from budwood.types import RequestFinished

ALL: Final = "*"
"""All owners."""

MAX_WAITING: Final = 32 * 1024 * 1024
"""The characters of texts that wait to be written while the database fails. Further ones are left out."""

_TIME: Final = COLUMNS.index("time")
_CALL: Final = COLUMNS.index("call")

Row = tuple[Any, ...]
"""A record of a call: a row of `budwood_usage.rows.make_row`."""


class CallTexts:
    """
    Keeps the texts of calls until their events are written. Any thread may call it.

    Args:
        limit: The maximum number of characters of a text; longer ones are cut.

    Attributes:
        owners: The owners of the keys whose texts a webhook or a stream gets; `ALL` for all of them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._waiting: dict[tuple[str, float], Mapping[str, Any]] = {}
        self._size = 0
        self.owners: frozenset[str] = frozenset()

    def keep(self, row: Row, event: RequestFinished) -> None:
        """Keep the texts of a call that has ended, if a webhook or a stream gets them."""
        if not self.owners or (ALL not in self.owners and find_owner(event.tags) not in self.owners):
            return
        texts = describe_texts(event.prompt, getattr(event.response, "text", None), self._limit)
        size = _count(texts)
        with self._lock:
            if self._size + size <= MAX_WAITING:
                self._size += size
                self._waiting[_identify(row)] = texts

    def find(self, row: Row) -> Mapping[str, Any] | None:
        """Return what was kept of a call, as events have it: with the name ``texts``."""
        texts = self._waiting.get(_identify(row))
        return None if texts is None else {"texts": texts}

    def forget(self, rows: Iterable[Row]) -> None:
        """Forget the texts of calls whose events are written."""
        if not self._waiting:
            return
        with self._lock:
            for row in rows:
                if (texts := self._waiting.pop(_identify(row), None)) is not None:
                    self._size -= _count(texts)


def describe_texts(prompt: str, reply: object, limit: int) -> Mapping[str, Any]:
    """
    Return the texts of a call as events have them.

    Args:
        prompt: The last text of the request.
        reply: The text of the reply, if it has one.
        limit: The maximum number of characters of each.
    """
    texts = {"prompt": prompt, "reply": reply if isinstance(reply, str) else None}
    cut = [name for name, text in texts.items() if text is not None and len(text) > limit]
    return {name: to_stored_text(text, limit) for name, text in texts.items()} | {"truncated": cut}


def _identify(row: Row) -> tuple[str, float]:
    return row[_CALL], row[_TIME]


def _count(texts: Mapping[str, Any]) -> int:
    return len(texts["prompt"] or "") + len(texts["reply"] or "")
