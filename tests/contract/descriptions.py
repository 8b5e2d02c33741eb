"""The vendors' descriptions of their APIs, relaxed to accept what clients send."""

from __future__ import annotations

import json

import yaml

from tests.contract import recorded


def load(path):
    """
    Load a description. Where it requires exactly one of several forms, more than one may match.

    OpenAI's forms overlap: a message of Responses matches two of them, unless its content is a text.
    """
    text = path.read_text(encoding="utf-8")
    description = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)
    return recorded.load_script("openapi_check").Schemas(_any_of(description))


def _any_of(node):
    if isinstance(node, dict):
        return {"anyOf" if name == "oneOf" else name: _any_of(inner) for name, inner in node.items()}
    return list(map(_any_of, node)) if isinstance(node, list) else node
