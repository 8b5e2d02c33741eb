"""Calls of the client through a gateway on loopback."""

from __future__ import annotations

import asyncio

import pytest

from budwood_prompts import read_prompt
from budwood_server.client import AsyncGatewayClient, GatewayClient, NotFoundError


def make(name, text="Greet {{ name }}."):
    """
    Return a prompt.
    """
    content = {"name": name, "variables": {"name": {}}, "messages": [{"role": "user", "content": text}]}
    return read_prompt(content, where=name)


def test_prompts_are_saved_labelled_and_found(admin):
    """
    Each save is a version, which is found by its number and its labels.
    """
    assert admin.prompts.save(make("greeting")).version == 1
    assert admin.prompts.save(make("greeting", "Say hello to {{ name }}.")).version == 2
    admin.prompts.label("greeting", "production", 1)

    assert admin.prompts.get("greeting").version == 2
    found = admin.prompts.get("greeting", at="production")
    assert (found.version, found.labels, found.prompt) == (1, {"production": 1}, make("greeting"))
    assert admin.prompts.render("greeting", {"name": "Ada"}, at=1).messages[0].content == "Greet Ada."
    assert "+Say hello" in admin.prompts.diff("greeting", 1).diff.replace("content = ", "").replace('"', "")
    assert admin.prompts.roll_back("greeting", 1).version == 3
    admin.prompts.unlabel("greeting", "production")
    with pytest.raises(NotFoundError, match="production") as caught:
        admin.prompts.get("greeting", at="production")
    assert (caught.value.status, caught.value.code) == (404, "prompt_not_found")
    assert caught.value.request_id


def test_list_fetches_its_pages(admin):
    """
    All items are returned, also those of later pages.
    """
    for number in range(55):
        admin.prompts.save(make(f"page-{number:02d}"))

    names = [each.prompt.name for each in admin.prompts.list() if each.prompt.name.startswith("page-")]

    assert names == [f"page-{number:02d}" for number in range(55)]


def test_created_key_can_be_used_until_it_is_revoked(gateway, admin):
    """
    Its secret is returned once.
    """
    created = admin.keys.create("build", scopes={"prompts"})

    with GatewayClient(gateway.url, key=created.key) as client:
        assert client.prompts.save(make("by-key")).author == "build"
    assert admin.keys.get(created.id).state == "active"
    assert [key.id for key in admin.keys.list(name="build")] == [created.id]
    assert admin.keys.revoke(created.id).state == "revoked"


def test_async_client_has_the_same_methods(gateway):
    """
    Replies are awaited, and lists are iterated asynchronously.
    """

    async def use():
        async with AsyncGatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
            await client.prompts.save(make("async"))
            found = await client.prompts.get("async")
            return found.prompt.name, [each.version async for each in client.prompts.versions("async")]

    assert asyncio.run(use()) == ("async", [1])
