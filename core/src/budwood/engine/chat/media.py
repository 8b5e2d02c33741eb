"""Convert files into parts of messages with media handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from budwood.engine.chat.files import (
    Content,
    Location,
    RemoteFile,
    Stream,
    complete_part,
    locate_file,
    make_remote_part,
    open_file,
)
from budwood.engine.chat.media_handlers import read_file
from budwood.engine.drivers.effects import All, Flow, Invoke
from budwood.engine.media_services import FILES
from budwood.engine.pipeline.media import fetch_file
from budwood.engine.pipeline.media_sources import list_sources, takes_url
from budwood.engine.pipeline.offers import offers
from budwood.errors import PromptError
from budwood.plugins import Instances
from budwood.types import AnyMedia, ChatRequest, MediaKind, MediaLimits, MediaPart, Message, Part, TextPart

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call


def add_files(
    instances: Instances, call: Call, request: ChatRequest, files: Sequence[object]
) -> Flow[tuple[Message, ...]]:
    """
    Return the messages of a request, with files before the text of the last one, which can be empty.

    Raises:
        PromptError: A file cannot be read or fetched, or no media handler supports its type.
    """
    if not request.messages or request.messages[-1].role != "user":
        raise PromptError("No user message for the files.", hint="End the messages with a user message.")
    known = call.target.endpoint.rules(call.target.model).media
    limits = {kind: _limit_to_request(call, request, kind, each) for kind, each in known.items()}
    located = [_locate(call, request, file, number) for number, file in enumerate(files, 1)]
    fetched = iter((yield All([fetch_file(call, each) for each in located if isinstance(each, RemoteFile)])))
    locations = [next(fetched) if isinstance(each, RemoteFile) else each for each in located]
    parts: list[Part] = yield Invoke(lambda: [part for each in locations for part in _read(instances, each, limits)])
    *before, last = request.messages
    rest = [part for part in last.parts if not isinstance(part, TextPart) or part.text]  # vendors reject empty texts
    return (*before, last.model_copy(update={"parts": (*parts, *rest)}))


def _limit_to_request(call: Call, request: ChatRequest, kind: MediaKind, limits: MediaLimits) -> MediaLimits:
    """Return limits by which a file that cannot be uploaded is no larger than what a request contains, in base64."""
    if limits.request_bytes is None:
        return limits
    if call.upload != "never" and offers(call.target, FILES) and "file" in list_sources(call.target, request, kind):
        return limits
    in_request = limits.request_bytes // 4 * 3
    return limits.model_copy(update={"bytes": min(limits.bytes or in_request, in_request)})


def _locate(call: Call, request: ChatRequest, file: object, number: int) -> Location:
    """Return where a file is; media at a URL that the vendor fetches are a part already."""
    location = locate_file(file, number)
    if isinstance(location, RemoteFile) and (part := make_remote_part(location)) is not None:
        return part if takes_url(call.target, request, part.type) else location
    return location


def _read(
    instances: Instances, location: Path | Content | Stream | AnyMedia, limits: Mapping[MediaKind, MediaLimits]
) -> tuple[Part, ...]:
    if isinstance(location, MediaPart):
        return (complete_part(location),)
    return read_file(instances, open_file(location, limits))
