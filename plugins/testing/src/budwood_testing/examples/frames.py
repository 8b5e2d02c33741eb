"""Encode events of streams, each as the bytes of one event."""

from __future__ import annotations

import json


def server_sent(*events: object, name: str | None = None) -> list[bytes]:
    """
    Encode JSON values as server-sent events. Non-ASCII text is not escaped; U+2028 and similar do not end a line.

    Args:
        *events: The JSON value of each event.
        name: The value of the field ``event`` of all events.
    """
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return [head + b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n" for event in events]


def json_lines(*values: object) -> list[bytes]:
    """Encode each value as a line of JSON."""
    return [json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values]
