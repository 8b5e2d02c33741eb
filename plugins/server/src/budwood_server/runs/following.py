"""The progress of a run as events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from budwood_server.api_models.runs import ENDED
from budwood_server.web.event_streams import Event

if TYPE_CHECKING:
    from budwood_server.runs.records import Run


class RunChanges:
    """
    The changes of a run: an event ``progress`` for each, and the event ``end`` when it has ended.

    Args:
        find: Returns the run as it is now.
        after: The version that the client has.
    """

    def __init__(self, find: Callable[[], Awaitable[Run]], after: int) -> None:
        self._find = find
        self._after = after

    async def look(self) -> Sequence[Event]:
        """Return an event if the run has changed since the last look, or has ended."""
        run = await self._find()
        has_ended = run.state in ENDED
        if run.version <= self._after and not has_ended:
            return ()
        self._after = run.version
        data = run.to_details().model_dump_json(exclude={"specification"})
        return (Event(run.version, "end" if has_ended else "progress", data, is_last=has_ended),)
