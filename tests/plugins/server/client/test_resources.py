"""Calls of the client through a gateway on loopback."""

from __future__ import annotations

import asyncio

import pytest

import budwood
from budwood_prompts import read_prompt
from budwood_server.client import AsyncGatewayClient, GatewayClient, NotFoundError
from tests.plugins.server.runs.running import conversation


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
    admin.prompts.delete("greeting", 2)
    assert [each.version for each in admin.prompts.versions("greeting")] == [3, 1]
    admin.prompts.delete("greeting")
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


def test_run_and_stream_return_the_reply(gateway):
    """
    A stream ends with the complete reply.
    """
    with GatewayClient(gateway.url, key=gateway.keys["infer"]) as client:
        client.prompts.save(make("asked", "What gives {{ name }}?\n\n<passage>The shoot gives fruit.</passage>"))
        reply = client.run(model="fast", prompt="asked", variables={"name": "fruit"})
        with client.stream("What gives fruit? <passage>The shoot gives fruit.</passage>", model="fast") as events:
            *parts, last = events

    assert (reply.text, reply.prompt, reply.attempts) == ("The shoot gives fruit.", "asked@1", 1)
    assert "".join(part.text for part in parts) == last.reply.text != ""


def test_session_keeps_its_messages(gateway):
    """
    They are the server's, and are gone after `delete`.
    """
    with GatewayClient(gateway.url, key=gateway.keys["infer"]) as client:
        session = client.session("talk")
        session.run("What gives fruit? <passage>The shoot gives fruit.</passage>", model="fast")
        session.run("And again?", model="fast", options={"max_tokens": 100})

        assert [message["role"] for message in session.messages()] == ["user", "assistant"] * 2
        assert "talk" in [each.name for each in client.sessions.list()]
        session.delete()
        with pytest.raises(NotFoundError):
            session.get()


def test_telemetry_shows_calls(gateway):
    """
    A call is followed, found, and counted, with the name of the client.
    """
    with GatewayClient(gateway.url, key=gateway.keys["infer"]) as client:
        client.run("What gives fruit? <passage>The shoot gives fruit.</passage>", model="fast", options={"label": "a"})
        with client.telemetry.follow(after=0, label="a") as calls:
            call = next(calls)

        assert client.telemetry.get(call.id) == call
        assert [each.id for each in client.telemetry.calls(label="a", since="1d")] == [call.id]
        assert client.telemetry.export(label="a").startswith(b"id,")
        assert call.client == f"budwood-python/{budwood.__version__}"
        assert client.usage.total(label="a").calls == 1
        assert [each.group for each in client.usage.groups("model", label="a")] == [{"model": "fast"}]


def test_accounts_and_audit(admin):
    """
    Acts are in the log.
    """
    created = admin.accounts.create("bob", "viewer", "a long enough password")
    changed = admin.accounts.change("bob", role="operator")
    admin.accounts.remove(created.id)

    assert (created.role, changed.role, changed.id) == ("viewer", "operator", created.id)
    assert [each.target for each in admin.audit.list(action="account.remove")] == [created.id]
    assert admin.endpoints.list().workers


def test_vendor_token_is_stored_and_removed(admin):
    """
    Its text is not returned.
    """
    added = admin.tokens.add("openai", "sk-1234567890abcdef", label="main")

    assert (added.label, added.ending) == ("main", "cdef")
    assert [each.id for each in admin.tokens.list(provider="openai")] == [added.id]
    assert admin.tokens.rotate(added.id, "sk-1234567890abcxyz").ending == "cxyz"
    admin.tokens.remove(added.id)
    assert [*admin.tokens.list()] == []


def test_run_is_followed_to_its_end(gateway, tmp_path):
    """
    Its rows are read page by page, and exported.
    """
    with GatewayClient(gateway.url, key=gateway.keys["infer"]) as client:
        document = client.runs.documents.upload("notes.txt", b"The shoot gives fruit.")
        run = client.runs.submit(conversation(3), name="grafting")
        waiting = [each.id for each in client.runs.list(state="queued")]
        with client.runs.events(run.id) as events:
            first = next(events)
            gateway.execute_runs()
            last = [*events][-1]

        assert (waiting, first.state, last.state, last.progress.rows_done) == ([run.id], "queued", "complete", 3)
        assert [row.index for row in client.runs.rows(run.id)] == [0, 1, 2]
        assert client.runs.export(run.id).count(b"\n") == 3
        assert client.runs.export_to(run.id, tmp_path / "rows.jsonl") == len(client.runs.export(run.id))
        assert client.runs.get(run.id).name == "grafting"
        client.runs.delete(run.id)
        client.runs.documents.delete(document.id)
        assert [*client.runs.documents.list()] == []


def test_async_client_streams(gateway):
    """
    Streams are iterated by ``async for``.
    """

    async def use():
        question = "What gives fruit? <passage>The shoot gives fruit.</passage>"
        async with (
            AsyncGatewayClient(gateway.url, key=gateway.keys["infer"]) as client,
            client.stream(question, model="fast") as events,
        ):
            return [event async for event in events][-1]

    assert asyncio.run(use()).reply.text
