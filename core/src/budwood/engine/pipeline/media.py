"""
Complete the media of a request for an endpoint.

Types are detected, URLs that the vendor cannot fetch are fetched, and what the limits of the model count is measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Final

from budwood.engine.chat.files import Content, RemoteFile, complete_part, open_media
from budwood.engine.drivers.effects import All, Flow, Invoke
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.measuring import fit_part
from budwood.engine.pipeline.media_limits import find_limits, must_be_read
from budwood.engine.pipeline.media_sources import is_url, replace_media, takes_url
from budwood.errors import PromptError
from budwood.providing import find_media, hide_secrets
from budwood.types import AnyMedia, MediaLimits, MediaRequest

MAX_DOWNLOAD_BYTES: Final = 50 * 1024 * 1024
DOWNLOAD_SECONDS: Final = 60.0


def complete_media(round_: Round) -> Flow[None]:
    """
    Replace the media of the round's request that its endpoint cannot take as they are, or that are not measured yet.

    The check of the limits is a later step. A media handler may have converted what exceeds them before.

    Raises:
        PromptError: A file cannot be read, or a URL cannot be fetched or leads to an address that is not public.
    """
    return _complete_parts(round_, find_media(round_.request))


def measure_media(round_: Round) -> Flow[None]:
    """Complete only the media on this machine, so that a reply from the cache needs no download."""
    return _complete_parts(round_, [part for part in find_media(round_.request) if not is_url(part)])


def _complete_parts(round_: Round, media: Sequence[AnyMedia]) -> Flow[None]:
    request: MediaRequest = round_.request
    target = round_.target or round_.call.target
    limits = defaultdict(MediaLimits, find_limits(target, find_media(request)))
    incomplete = [part for part in media if _is_incomplete(part, target, request, limits[part.type])]
    if not incomplete:
        return
    completed: list[AnyMedia] = yield All([_complete(round_.call, part, limits[part.type]) for part in incomplete])
    round_.request = replace_media(request, {id(old): new for old, new in zip(incomplete, completed, strict=True)})


def fetch(call: Call, url: str) -> Flow[bytes]:
    """
    Download a URL within the time that the call has left.

    Raises:
        PromptError: It leads to an address that is not public, or the download fails or is too large.
    """
    from budwood.transports.downloads import download  # few programs have URLs that vendors cannot fetch

    seconds = min(DOWNLOAD_SECONDS, call.seconds_left())
    data: bytes = yield Invoke(partial(download, url, limit=MAX_DOWNLOAD_BYTES, seconds=seconds))
    return data


def fetch_file(call: Call, file: RemoteFile) -> Flow[Content]:
    """Download a file; see `fetch`."""
    return Content(file.name, (yield from fetch(call, file.url)))


def _is_incomplete(part: AnyMedia, target: Target, request: MediaRequest, limits: MediaLimits) -> bool:
    if is_url(part):
        return not takes_url(target, request, part.type)
    if part.data is None and part.path is None:
        return False
    return part.media_type is None or must_be_read(part, limits)


def _complete(call: Call, part: AnyMedia, limits: MediaLimits) -> Flow[AnyMedia]:
    local = part if part.url is None else (yield from _download(call, part, part.url))
    completed: AnyMedia = yield Invoke(lambda: fit_part(call.instances, complete_part(local), limits))
    return completed


def _download(call: Call, part: AnyMedia, url: str) -> Flow[AnyMedia]:
    data = yield from fetch(call, url)
    content = Content(part.name or hide_secrets(url).rpartition("/")[2] or "file", data)
    try:
        file = open_media(content, part.type)
    except PromptError as error:
        raise PromptError(f"{hide_secrets(url)} cannot be used: {error.message}", hint="Check the URL.") from None
    return part.model_copy(
        update={"url": None, "data": file.data, "media_type": file.media_type, "name": part.name or file.name}
    )
