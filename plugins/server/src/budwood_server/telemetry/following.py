"""New calls as events."""

from __future__ import annotations

from collections.abc import Sequence

from budwood.types import CallFilter
from budwood_server.telemetry.forms import to_call
from budwood_server.telemetry.reading import CallReader
from budwood_server.web.event_streams import Event


class NewCallEvents:
    """
    New calls: an event ``call`` for each.

    Args:
        reader: Reads the records.
        where: Selects the calls.
        after: The id of the record after which they begin.
    """

    def __init__(self, reader: CallReader, where: CallFilter, after: int) -> None:
        self._reader = reader
        self._where = where
        self._after = after

    async def look(self) -> Sequence[Event]:
        """Return the calls since the last look."""
        records, self._after = await self._reader.read_new(self._where, self._after)
        return [Event(record.id, "call", to_call(record).model_dump_json()) for record in records]
