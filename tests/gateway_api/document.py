"""The OpenAPI document of the gateway with narrower requests, so that more of the random ones are valid."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Schema = dict[str, Any]

MODELS = {"enum": ["fast", "plain", "demo", "vendor/gpt-4.1-mini", "unknown"]}
TEXT = {"type": "string", "maxLength": 20}
NUMBER = {"type": "number"}
COUNT = {"type": "integer"}
FLAG = {"type": "boolean"}
STOP = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": 5}]}
PART = {
    "anyOf": [
        {"type": "object", "required": ["type", "text"], "properties": {"type": {"const": "text"}, "text": TEXT}},
        {
            "type": "object",
            "required": ["type", "image_url"],
            "properties": {
                "type": {"const": "image_url"},
                "image_url": {"type": "object", "properties": {"url": TEXT}},
            },
        },
        {"type": "object", "properties": {"type": TEXT}},
    ]
}
CONTENT = {"anyOf": [TEXT, {"type": "null"}, {"type": "array", "items": PART, "maxItems": 3}]}
MESSAGES = {
    "type": "array",
    "maxItems": 4,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": ["system", "developer", "user", "assistant", "tool", "robot"]},
            "content": CONTENT,
            "tool_call_id": TEXT,
            "tool_calls": {"type": "array", "items": {"type": "object"}, "maxItems": 2},
        },
    },
}
INPUT = {"anyOf": [TEXT, {"type": "null"}, MESSAGES]}
TOOLS = {
    "type": "array",
    "maxItems": 2,
    "items": {
        "type": "object",
        "properties": {
            "type": {"enum": ["function", "custom", "web_search"]},
            "function": {
                "type": "object",
                "properties": {"name": {"enum": ["weather", "", "a b"]}, "parameters": {"type": "object"}},
            },
            "name": TEXT,
            "input_schema": {"type": "object"},
        },
    },
}
OPTIONS = {
    "type": "object",
    "properties": {
        "cache": {"enum": ["off", "refresh", "on", 1, None]},
        "label": TEXT,
        "fallbacks": {"type": "array", "items": MODELS, "maxItems": 2},
        "routing": TEXT,
        "timeout": NUMBER,
        "on_unsupported": {"enum": ["error", "adapt", "warn", ""]},
        "prompt": {"enum": ["greeting", "greeting@production", "No name", 1]},
        "variables": {"type": "object"},
    },
}
SAMPLING = {
    "temperature": NUMBER,
    "top_p": NUMBER,
    "n": {"type": "integer", "maximum": 3},
    "stop": STOP,
    "seed": COUNT,
    "max_tokens": COUNT,
    "user": TEXT,
    "metadata": {"type": "object"},
}
FIELDS = {
    "/v1/chat/completions": {
        **SAMPLING,
        "messages": MESSAGES,
        "tools": TOOLS,
        "tool_choice": {"anyOf": [{"enum": ["auto", "none", "required", "x"]}, {"type": "object"}]},
        "response_format": {"type": "object", "properties": {"type": {"enum": ["text", "json_object", "json_schema"]}}},
        "stream_options": {"type": "object", "properties": {"include_usage": FLAG}},
        "logprobs": FLAG,
        "logit_bias": {"type": "object"},
        "reasoning_effort": TEXT,
    },
    "/v1/completions": {**SAMPLING, "echo": FLAG, "suffix": TEXT, "logprobs": COUNT, "best_of": COUNT},
    "/v1/embeddings": {"dimensions": COUNT, "encoding_format": {"enum": ["float", "base64", "hex"]}, "user": TEXT},
    "/v1/responses": {
        **SAMPLING,
        "instructions": TEXT,
        "store": FLAG,
        "background": FLAG,
        "previous_response_id": TEXT,
        "input": {"anyOf": [TEXT, MESSAGES, {"type": "array", "items": {"type": "object"}, "maxItems": 3}]},
        "tools": TOOLS,
        "reasoning": {"type": "object"},
        "text": {"type": "object"},
        "include": {"type": "array", "items": TEXT, "maxItems": 2},
    },
    "/v1/messages": {
        **SAMPLING,
        "messages": MESSAGES,
        "system": CONTENT,
        "tools": TOOLS,
        "tool_choice": {"type": "object"},
        "thinking": {"type": "object"},
        "stop_sequences": {"type": "array", "items": TEXT, "maxItems": 2},
        "top_k": COUNT,
    },
    "/v1/messages/count_tokens": {"messages": MESSAGES, "system": CONTENT, "tools": TOOLS},
    "/v1/images/generations": {
        "n": {"type": "integer", "maximum": 3},
        "size": {"enum": ["1024x1024", "auto", "1x", ""]},
        "quality": TEXT,
        "output_format": TEXT,
        "response_format": TEXT,
    },
    "/v1/audio/speech": {"voice": TEXT, "response_format": TEXT, "speed": NUMBER, "stream_format": TEXT},
    "/v1/audio/transcriptions": {"language": TEXT, "response_format": TEXT, "temperature": NUMBER, "prompt": TEXT},
}
"""What is known of fields beyond the document, by path."""


def refine(document: Schema) -> Schema:
    """Return a document whose requests name models of the gateway, and have fields of the vendors' documents."""
    document = deepcopy(document)
    document["components"]["schemas"]["RunBody"]["properties"] |= {"model": MODELS, "input": INPUT}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                properties = content["schema"].setdefault("properties", {})
                properties |= FIELDS.get(path, {})
                properties |= {"model": MODELS} if "model" in properties else {}
                properties |= {"budwood": OPTIONS} if "budwood" in properties else {}
    return document
