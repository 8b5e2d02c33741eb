"""Replies in Gemini's form."""

from __future__ import annotations

import base64

USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}


def candidate(*parts, finish="STOP", **fields):
    """
    Create a candidate.
    """
    finish_reason = {"finishReason": finish} if finish else {}
    return {"content": {"role": "model", "parts": list(parts)}, **finish_reason, **fields}


def reply(*parts, **fields):
    """
    Create a reply, or a chunk.
    """
    payload = candidate(*parts, **fields)
    return {"candidates": [payload], "usageMetadata": USAGE, "modelVersion": "gemini-9", "responseId": "r1"}


def text(words, **fields):
    """
    Create a text part.
    """
    return {"text": words, **fields}


def call(name="weather", args=None, signature=None, **fields):
    """
    Create a function call.
    """
    signed = {"thoughtSignature": signature} if signature else {}
    return {"functionCall": {"name": name, "args": args or {}, **fields}, **signed}


def inline(media_type, data, **fields):
    """
    Create a part with media.
    """
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data).decode()}, **fields}
