"""Upload media before a request that refers to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from budwood.engine.chat.files import digest_of
from budwood.engine.drivers.effects import All, Flow, Invoke, Sleep, Wait
from budwood.engine.keys.accounts import account_of
from budwood.engine.media_services import FILES
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.media import complete_media
from budwood.engine.pipeline.media_sources import replace_media
from budwood.engine.pipeline.steps import run_steps
from budwood.engine.uploads.changes import watch
from budwood.engine.uploads.choice import choose_uploads
from budwood.engine.uploads.registry import Place, StoredFile, UploadRegistry, find_registry
from budwood.errors import InvalidRequestError, NotFoundError, PermissionDeniedError, ProviderError
from budwood.providing import name_file
from budwood.types import AnyMedia, FileInfo, FileUpload, MediaRequest

STORED_SECONDS: Final = 30 * 86_400
"""For how many seconds vendors are asked to store uploads, where that can be chosen: 30 days."""

UPLOADS_AT_ONCE: Final = 4

READY_DELAY: Final = 1.0
"""Seconds between two questions whether an uploaded file is ready."""

_ABOUT_FILES: Final = re.compile(
    r"\bfiles?\b.*(not found|not exist|no longer|expired|deleted)|(no such|unknown|missing|expired) files?\b", re.DOTALL
)
"""What vendors say of a file that they do not have any more, as far as their errors do not name it."""


def send_with_uploads(send: Callable[[Attempt], Flow[Any]], attempt: Attempt) -> Flow[Any]:
    """
    Upload the media that the request of an attempt refers to, and send it.

    If the vendor does not have a file any more, it is forgotten, and `Attempt.has_lost_upload` is set: another attempt
    uploads it again, once.
    """
    request: MediaRequest = attempt.request
    files = yield from _upload_media(attempt)
    try:
        return (yield from send(attempt))
    except (NotFoundError, InvalidRequestError, PermissionDeniedError) as error:
        lost = yield from _forget_lost(error, files)
        if lost and not attempt.round.has_lost_upload:
            attempt.round.has_lost_upload = attempt.has_lost_upload = True
        raise
    finally:
        attempt.request = request


def store_media(round_: Round, error: ProviderError | None, renewed: set[Place]) -> Flow[dict[str, str]]:
    """
    Complete and upload the media of a request that is not sent at once, such as one of a batch.

    Args:
        round_: The request. Afterwards it refers to the files.
        error: Why the request failed before. Files that the vendor does not have any more are uploaded again.
        renewed: The places of such files, which are forgotten once.

    Returns:
        The hash of the content of each file, by its id.
    """
    yield from complete_media(round_)
    attempt = Attempt(round_, *round_.call.target, round_.request)
    if error is not None:
        lost = yield from _forget_lost(error, (yield from _find_known(attempt, renewed)))
        renewed.update(place for place, _ in lost)
    files = yield from _upload_media(attempt)
    round_.request = attempt.request
    return {file.id: place.content for place, file in files}


def _find_known(attempt: Attempt, excluded: set[Place]) -> Flow[list[tuple[Place, StoredFile]]]:
    """Return the known files of those media that an attempt uploads, except at some places."""
    known = []
    for part in choose_uploads(attempt.target, attempt.request, attempt.round.call.upload):
        place = yield from _find_place(attempt, part)
        file: StoredFile | None = yield Invoke(partial(find_registry().find, place, attempt.round.call.clock.time()))
        if file is not None and place not in excluded:
            known.append((place, file))
    return known


def _forget_lost(
    error: ProviderError, files: Sequence[tuple[Place, StoredFile]]
) -> Flow[list[tuple[Place, StoredFile]]]:
    """Forget and return the files that the vendor does not have any more, by its error."""
    lost = _list_lost(error, files)
    for place, file in lost:
        yield Invoke(partial(find_registry().forget, place, file.id))
    return lost


def _upload_media(attempt: Attempt) -> Flow[Sequence[tuple[Place, StoredFile]]]:
    """Upload media of an attempt's request, change it so that it refers to them, and return the files."""
    chosen = choose_uploads(attempt.target, attempt.request, attempt.round.call.upload)
    if not chosen:
        return ()
    registry = find_registry()
    files: list[tuple[Place, StoredFile]] = yield All(
        [_obtain(attempt, registry, part) for part in chosen], limit=UPLOADS_AT_ONCE
    )
    references = {
        id(part): part.model_copy(update={"data": None, "path": None, "file_id": file.id})
        for part, (_, file) in zip(chosen, files, strict=True)
    }
    attempt.request = replace_media(attempt.request, references)
    return files


def _list_lost(error: ProviderError, files: Sequence[tuple[Place, StoredFile]]) -> list[tuple[Place, StoredFile]]:
    """Return the files that the vendor does not have any more; all of them, if its error does not name one."""
    text = error.message.lower()
    named = [file for file in files if file[1].id.lower() in text]
    return named or (list(files) if _ABOUT_FILES.search(text) else [])


def _obtain(attempt: Attempt, registry: UploadRegistry, part: AnyMedia) -> Flow[tuple[Place, StoredFile]]:
    """Return the file with the content of a part: a known one, one that is being uploaded, or a new one."""
    call = attempt.round.call
    place = yield from _find_place(attempt, part)
    while True:
        found: StoredFile | None = yield Invoke(partial(registry.find, place, call.clock.time()))
        if found is not None:
            return place, found
        latch = registry.join(place)
        if latch is None:
            break
        if not (yield Wait(latch, call.timing.deadline)):
            raise call.deadline_error()
    try:
        info = yield from _upload(attempt, part)
        file = StoredFile(info.id, info.expires)
        yield Invoke(partial(registry.add, place, file, call.clock.time()))
    finally:
        registry.leave(place)
    return place, file


def _find_place(attempt: Attempt, part: AnyMedia) -> Flow[Place]:
    digest: str = yield Invoke(partial(digest_of, part))
    group = attempt.lease.group if attempt.lease is not None else account_of(attempt.target)
    return Place(f"{digest} {part.media_type}", f"{attempt.endpoint.identity} {group or ''}")


def _upload(attempt: Attempt, part: AnyMedia) -> Flow[FileInfo]:
    """Upload a part with the credential of an attempt, if it has one, and wait until it is ready."""
    user_call = attempt.round.call
    call: Call = replace(
        user_call,
        target=attempt.target,
        streamed=False,
        route=None,
        adaptations={},  # the expiry is no parameter of the user's: a vendor without one stores the file for longer
        options=user_call.options.model_copy(update={"on_unsupported": "adapt"}),
    )
    media_type = part.media_type or "application/octet-stream"
    upload = FileUpload(
        data=part.data,
        path=part.path,
        name=name_file(part.name or (part.path.name if part.path is not None else None), media_type, default=part.type),
        media_type=media_type,
        expires_after=STORED_SECONDS,
    )
    has_key = attempt.lease is not None or attempt.endpoint.pool is None  # if not, each request chooses one of the pool
    run = partial(run_steps, call, FILES, within=attempt if has_key else None, is_observed=False)
    info: FileInfo = yield from run("upload_file", upload, before_each=watch(upload))
    while not info.ready:
        call.seconds_left()
        yield Sleep(READY_DELAY)
        info = yield from run("get_file", info.id)
    return info
