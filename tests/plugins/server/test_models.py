"""``/v1/models``, for clients of OpenAI and of Anthropic."""

from __future__ import annotations

import pytest

from tests.plugins.server.in_process import Gateway
from tests.plugins.server.keys import KEY

MODELS = {"a": "vendor/x", "b": "vendor/y", "c": "vendor/z", "secret": {"models": ["vendor/s"], "hidden": True}}
SETTINGS = {
    "providers": {"vendor": {"plugin": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}},
    "server": {"models": MODELS},
}


def names(received, form="data"):
    """
    Return the ids of a list.
    """
    return [model["id"] for model in received.json[form]]


def test_models_that_the_key_may_use_are_listed():
    """
    They have OpenAI's form, with the provider as the owner; hidden ones are left out.
    """
    all_models = Gateway(SETTINGS).get("/v1/models")
    some = Gateway(SETTINGS, KEY.model_copy(update={"models": ("b", "sec*")})).get("/v1/models")

    assert all_models.json["data"][0] == {"id": "a", "object": "model", "created": 0, "owned_by": "vendor"}
    assert names(all_models) == ["a", "b", "c"]
    assert names(some) == ["b"]


@pytest.mark.parametrize("name", ["a", "secret", "vendor/any/model"])
def test_a_model_is_described(name):
    """
    Its id may have slashes.
    """
    received = Gateway(SETTINGS).get(f"/v1/models/{name}")

    assert (received.json["id"], received.json["owned_by"]) == (name, "vendor")


def test_unknown_models_are_errors():
    """
    The error suggests similar names; a model that the key may not use is forbidden.
    """
    unknown = Gateway(SETTINGS).get("/v1/models/aa")
    forbidden = Gateway(SETTINGS, KEY.model_copy(update={"models": ("b",)})).get("/v1/models/a")

    assert (unknown.status, unknown.json["error"]["code"]) == (404, "model_not_found")
    assert forbidden.status == 403


@pytest.mark.parametrize(
    ("query", "page", "has_more"),
    [
        ("", ["a", "b", "c"], False),
        ("?limit=2", ["a", "b"], True),
        ("?limit=2&after_id=b", ["c"], False),
        ("?limit=1&before_id=c", ["b"], True),
        ("?before_id=c", ["a", "b"], False),
    ],
)
def test_anthropics_clients_get_pages(query, page, has_more):
    """
    Clients that send Anthropic's version get its form.
    """
    received = Gateway(SETTINGS).get(f"/v1/models{query}", anthropic_version="2023-06-01")

    assert names(received) == page
    assert received.json["has_more"] == has_more
    assert (received.json["first_id"], received.json["last_id"]) == (page[0], page[-1])
    assert received.json["data"][0]["type"] == "model"


def test_wrong_limit_of_a_page():
    """
    It is an error that names the parameter.
    """
    received = Gateway(SETTINGS).get("/v1/models?limit=0", anthropic_version="2023-06-01")

    assert received.status == 400
    assert (received.json["type"], received.json["error"]["param"]) == ("error", "limit")
