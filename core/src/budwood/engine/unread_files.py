"""Files of a request that are read when it is sent, in a thread of an event loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from budwood.engine.chat.files import UnreadFile
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.pipeline.media_sources import replace_media
from budwood.types import AnyMedia
from budwood.types.record import Record

R = TypeVar("R", bound=Record)


class UnreadFiles:
    """The files of one request, with the parts that are in their places until they are read."""

    def __init__(self) -> None:
        self._files: list[tuple[AnyMedia, UnreadFile]] = []

    def hold_places(self, value: Any) -> Any:  # noqa: ANN401 - a field of any type
        """Return the value of a field with a part in place of each file that has not been read."""
        if isinstance(value, UnreadFile):
            part: AnyMedia = value.kind(path=Path("unread"))
            self._files.append((part, value))
            return part
        return tuple(map(self.hold_places, value)) if isinstance(value, tuple) else value

    def read(self, request: R) -> Flow[R]:
        """
        Return the request with the files.

        Raises:
            PromptError: One cannot be read, is of another kind, or has another format than its name says.
        """
        if not self._files:
            return request
        parts = yield Invoke(lambda: [file.read() for _, file in self._files])
        places = (id(place) for place, _ in self._files)
        return replace_media(request, dict(zip(places, parts, strict=True)))
