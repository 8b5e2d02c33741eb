"""Ids of objects in the account at the vendor, which all keys share."""

from __future__ import annotations

import pytest

from budwood_server.access.vendor_objects import find_vendor_objects
from tests.plugins.server.in_process import Gateway

MESSAGES = [{"role": "user", "content": "Hi"}]

NAMING = [
    ({"conversation": "conv_1"}, "conversation"),
    ({"conversation": {"id": "conv_1"}}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"container": "container_1"}, "container"),
    ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "tools[0].vector_store_ids"),
    ({"tools": [{}, {"type": "code_interpreter", "container": "cntr_1"}]}, "tools[1].container"),
    ({"input": [*MESSAGES, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
    ({"input": [{"id": "msg_1"}]}, "input[0]"),
    ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input[0]"),
]

NAMING_NONE = [
    {"conversation": None, "prompt": None, "input": "Hi"},
    {"container": {"skills": []}},
    {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}, {"type": "function", "name": "f"}]},
    {"input": [*MESSAGES, {"type": "message", "id": "msg_1", "role": "assistant", "content": "Hello"}]},
    {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "x"}]},
    {"input": ["text"], "tools": "none"},
]


@pytest.mark.parametrize(("body", "field"), NAMING, ids=str)
def test_field_that_names_an_object_is_found(body, field):
    """
    Whichever kind of object it is.
    """
    assert list(find_vendor_objects(body)) == [field]


@pytest.mark.parametrize("body", NAMING_NONE, ids=str)
def test_contents_name_no_object(body):
    """
    Also with ids that only tell the client which item is which, and in bodies that are not valid.
    """
    assert list(find_vendor_objects(body)) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": "Hi", "conversation": "conv_1"}),
        ("/v1/responses/input_tokens", {"input": "Hi", "conversation": "conv_1"}),
        ("/v1/messages", {"messages": MESSAGES, "max_tokens": 5, "container": "container_1"}),
        ("/v1/messages/count_tokens", {"messages": MESSAGES, "container": "container_1"}),
    ],
)
def test_setting_refuses_them(vendor, path, body):
    """
    The error names the field, and nothing is sent.
    """
    providers = {"other": {"plugin": "anthropic", "base_url": vendor.url, "api_key": "k"}}
    server = {"models": {"claude": "other/claude-haiku-4-5"}, "vendor_objects": False}

    refused = Gateway({"providers": providers, "server": server}).post(path, {"model": "claude", **body})

    assert refused.status == 403
    assert ("conversation" if "conversation" in body else "container") in refused.json["error"]["message"]
    assert vendor.requests == []
