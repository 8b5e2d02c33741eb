"""What the batches of several vendors have in common: lines, files, and how to find one whose creation had no reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from budwood.errors import BadResponseError, ProviderError
from budwood.types import Body, FileUpload, HTTPCall, HTTPReply, JobState, ReplyHead

if TYPE_CHECKING:
    from budwood.contracts import Steps

SEARCH_DELAY: Final = 5.0
"""Seconds between a failed creation and the search for the batch: the vendor may still be creating it."""

MAX_PAGES: Final = 10
"""How many pages of a vendor's list are searched."""

Row = Mapping[str, Any]
"""A batch in a vendor's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSearch:
    """
    How to find a batch in a vendor's list.

    Attributes:
        description: What identifies the batch, for errors: ``"input_file_id file-1"``.
        list_page: Returns the request for a page, by its cursor; None for the first page.
        read_page: Returns the batches of a page, and the cursor of the next one; None after the last page.
        matches: Tells whether a batch of the list is the one.
        decode: Returns the state of a batch of the list. None if the vendor stores nothing that identifies a batch:
            then the error names those that match.
    """

    description: str
    list_page: Callable[[str | None], HTTPCall]
    read_page: Callable[[HTTPReply], tuple[Sequence[Any], str | None]]
    matches: Callable[[Row], bool]
    decode: Callable[[Row], JobState] | None = None


def create_batch(call: HTTPCall, decode: Callable[[HTTPReply], JobState], search: BatchSearch) -> Steps[JobState]:
    """
    Create a batch. If the vendor may have created it although that failed, look for it in the vendor's list.

    Args:
        call: The request that creates it. It is not sent twice.
        decode: Decodes the reply.
        search: How to find the batch.

    Raises:
        ProviderError: The creation failed, and the batch was not found. The hint says where to look for it.
    """
    try:
        return decode((yield replace(call, repeatable=False)))
    except ProviderError as error:
        if not _may_be_created(error):
            raise
        failure = error
    try:
        found = yield from _find(search)
    except ProviderError as error:
        outcome = f"The list of batches cannot be read: {error.message.rstrip('.')}."
    else:
        if found and search.decode is not None:
            return search.decode(found[0])
        outcome = _describe(found)
    failure.may_be_accepted, failure.retryable = True, False
    failure.hint = (
        f"The server may have created the batch, so the request is not sent again. {outcome} Look there for a batch "
        f'with {search.description} before you repeat the call; client.job(ID, kind="batch") continues with it.'
    )
    raise failure


def _may_be_created(error: ProviderError) -> bool:
    is_unreadable = isinstance(error, BadResponseError) and (error.status is None or error.status < 300)
    return error.may_be_accepted or is_unreadable


def _find(search: BatchSearch) -> Steps[list[Row]]:
    """Return the batches that match, of the first page that has any."""
    cursor, delay = None, SEARCH_DELAY
    for _ in range(MAX_PAGES):
        reply = yield replace(search.list_page(cursor), delay=delay)
        rows, cursor = search.read_page(reply)
        found = [row for row in rows if isinstance(row, Mapping) and search.matches(row)]
        if found or cursor is None:
            return found
        delay = 0.0
    return []


def _describe(found: Sequence[Row]) -> str:
    if not found:
        return "The vendor's list of batches does not contain it yet."
    return f"It may be in the vendor's list of batches: {', '.join(str(row.get('id')) for row in found)}."


def upload_of_lines(path: Path) -> FileUpload:
    """Return the upload of a file with the lines of a batch."""
    return FileUpload(path=path, name="batch.jsonl", media_type="application/jsonl", purpose="batch")


def wrap_body(fields: Mapping[str, str], name: str, call: HTTPCall) -> Body:
    """Return the line of a request: an object with these fields, and its body, whose files are not read."""
    parts = (call.body,) if isinstance(call.body, bytes) else call.body
    return (to_json(fields)[:-1] + b"," + to_json(name) + b":", *parts, b"}")


def make_line_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> HTTPReply:
    """Return the reply in a line of a result as that of a live call."""
    return HTTPReply(ReplyHead(status, {"content-type": "application/json", **(headers or {})}), to_json(body))
