"""Write the events of streams, each as the bytes of one event."""

from __future__ import annotations

import json


def server_sent(*events: object, name: str | None = None) -> list[bytes]:
    """
    Write server-sent events that hold JSON, with text as it is: U+2028 and its like do not end a line of theirs.

    Args:
        *events: What each holds.
        name: The name of all of them, in the field ``event``.
    """
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return [head + b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n" for event in events]


def json_lines(*values: object) -> list[bytes]:
    """Write one JSON value a line."""
    return [json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values]
