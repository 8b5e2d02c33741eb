"""Replies in Gemini's form."""

from __future__ import annotations

USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}


def candidate(*parts, finish="STOP", **fields):
    """
    Make one candidate.
    """
    ended = {"finishReason": finish} if finish else {}
    return {"content": {"role": "model", "parts": list(parts)}, **ended, **fields}


def reply(*parts, **fields):
    """
    Make a reply, or a chunk of one.
    """
    said = candidate(*parts, **fields)
    return {"candidates": [said], "usageMetadata": USAGE, "modelVersion": "gemini-9", "responseId": "r1"}


def text(words, **fields):
    """
    Make a part of text.
    """
    return {"text": words, **fields}


def call(name="weather", args=None, signature=None, **fields):
    """
    Make a call of a function.
    """
    signed = {"thoughtSignature": signature} if signature else {}
    return {"functionCall": {"name": name, "args": args or {}, **fields}, **signed}
