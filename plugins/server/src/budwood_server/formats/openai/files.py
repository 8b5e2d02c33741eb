"""``/v1/files``: requests, and files as OpenAI documents them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood.types import FileInfo

BATCH: Final = "batch"
MAX_LISTED: Final = 10_000
"""The most files in a page, and the default."""

_FOR_INPUT: Final = ("assistants", "vision", "user_data")
_MISSING_SIZE: Final = 0
_INTERNAL: Final = ("batch", "kept")


def parse_purpose(fields: Mapping[str, Any]) -> str:
    """
    Return the purpose of an upload.

    Raises:
        ProblemError: It is missing.
    """
    purpose = fields.get("purpose")
    if not isinstance(purpose, str) or not purpose:
        raise reject("The field 'purpose' must say what the file is for, such as 'user_data'.", param="purpose")
    return purpose


def translate_purpose(purpose: str, api: str) -> str:
    """Return a purpose as the core names it, which each provider translates. OpenAI's own ones arrive unchanged."""
    is_input = purpose == "user_data" or (api != "openai" and purpose in _FOR_INPUT)
    return "input" if is_input else purpose


def parse_expiry(fields: Mapping[str, Any]) -> int | None:
    """
    Return the seconds after which a file expires, from the field ``expires_after`` of a form or of JSON.

    Raises:
        ProblemError: They are no whole number, or not from the creation of the file.
    """
    given = fields.get("expires_after")
    if given is None:
        return None
    seconds = given.get("seconds") if isinstance(given, Mapping) else None
    if isinstance(given, Mapping) and given.get("anchor", "created_at") == "created_at":
        if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
            seconds = int(seconds)
        if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds >= 1:
            return seconds
    raise reject(
        "The field 'expires_after' must have the anchor 'created_at' and the seconds, a whole number from 1 on.",
        param="expires_after",
    )


def describe_file(info: FileInfo, *, purpose: str | None = None, name: str | None = None) -> dict[str, Any]:
    """
    Return what is kept about a file, which is also its public form without the id.

    Args:
        info: The file at its vendor.
        purpose: What the client stored it for; by default what the vendor says.
        name: Its name at the client; by default what the vendor says.
    """
    raw = info.raw if info.raw.get("object") == "file" else {}
    return {
        "bytes": info.size if info.size is not None else _MISSING_SIZE,
        "created_at": int(info.created if info.created is not None else time.time()),
        "expires_at": None if info.expires is None else int(info.expires),
        "filename": name or info.name or info.id,
        "purpose": purpose or info.purpose or "user_data",
        "status": raw.get("status") or ("processed" if info.ready else "uploaded"),
        "status_details": raw.get("status_details"),
    }


def encode_file(public_id: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file in its public form."""
    shown = {name: value for name, value in facts.items() if name not in _INTERNAL}
    return {"id": public_id, "object": "file", **shown}
