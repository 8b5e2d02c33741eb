"""Vendors' own descriptions of their APIs, relaxed to what their clients really send."""

from __future__ import annotations

import json

import yaml

from tests.contract import recorded


def load(path):
    """
    Read a description. Where it says that one of several forms fits, more than one may.

    OpenAI's forms are not apart: a message of Responses fits two of them, unless its content is a mere text.
    """
    text = path.read_text(encoding="utf-8")
    written = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)
    return recorded.tool("openapi_check").Schemas(_any_of(written))


def _any_of(node):
    if isinstance(node, dict):
        return {"anyOf" if name == "oneOf" else name: _any_of(inner) for name, inner in node.items()}
    return list(map(_any_of, node)) if isinstance(node, list) else node
