"""Conversations that the server keeps, with databases of both kinds."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from budwood_server.sessions import history, store
from tests.plugins.server.databases import open_database
from tests.plugins.server.prompted_gateway import PromptedGateway
from tests.plugins.server.test_chat import answer

RUN = "/api/run"
SESSIONS = "/api/sessions"


def user(text):
    """
    Return a message of a user.
    """
    return {"role": "user", "content": text}


def assistant(text):
    """
    Return a reply.
    """
    return {"role": "assistant", "content": text}


def system(text):
    """
    Return a system message.
    """
    return {"role": "system", "content": text}


@pytest.mark.parametrize(
    ("earlier", "new", "joined"),
    [
        ([], [user("a")], [user("a")]),
        ([user("a"), assistant("b")], [user("c")], [user("a"), assistant("b"), user("c")]),
        ([system("s"), user("a")], [user("c")], [system("s"), user("a"), user("c")]),
        ([system("s"), user("a")], [user("c"), system("t")], [system("t"), user("a"), user("c")]),
    ],
)
def test_system_messages_replace_earlier_ones(earlier, new, joined):
    """
    All others follow one another.
    """
    assert history.join_messages(earlier, new) == joined


def test_requests_continue_a_session(vendor, database_url):
    """
    The vendor gets all messages, with the newest system messages once.
    """
    with PromptedGateway(vendor, database_url) as gateway:
        body = {"model": "fast", "session": "chat-1"}
        for reply, fields in (
            ("Hello Ada.", {"prompt": "greeting", "variables": {"name": "Ada"}}),
            ("Fine.", {"input": "How are you?"}),
            ("Bien.", {"input": "And now?", "prompt": "french"}),
        ):
            vendor.play(answer({"content": reply}))
            received = gateway.post(RUN, body | fields)
            assert (received.status, received.json["session"]) == (200, "chat-1"), received.body
        kept = gateway.send("GET", f"{SESSIONS}/chat-1", gateway.keys["colleague"])

    talk = [user("Greet Ada."), assistant("Hello Ada."), user("How are you?"), assistant("Fine."), user("And now?")]
    assert [request.json["messages"] for request in vendor.requests] == [
        [system("Be brief."), *talk[:1]],
        [system("Be brief."), *talk[:3]],
        [system("Answer in French."), *talk],
    ]
    assert kept.json["content"] == [system("Answer in French."), *talk, assistant("Bien.")]
    assert (kept.json["messages"], kept.json["name"]) == (7, "chat-1")
    changed, expires = (datetime.fromisoformat(kept.json[name]) for name in ("changed", "expires"))
    assert expires - changed == timedelta(days=30)


def test_sessions_belong_to_an_owner(vendor, database_url):
    """
    Another team has sessions of its own under the same names, and finds no others.
    """
    with PromptedGateway(vendor, database_url) as gateway:
        vendor.play(answer({"content": "Hi"}), times=2)
        gateway.post(RUN, {"model": "fast", "session": "s", "input": "mine"})

        assert gateway.send("GET", f"{SESSIONS}/s", gateway.keys["other"]).status == 404
        assert gateway.send("DELETE", f"{SESSIONS}/s", gateway.keys["other"]).status == 404
        assert gateway.send("GET", SESSIONS, gateway.keys["other"]).json["items"] == []
        gateway.post(RUN, {"model": "fast", "session": "s", "input": "other"}, "other")
        assert vendor.requests[-1].json["messages"] == [user("other")]

        assert gateway.send("DELETE", f"{SESSIONS}/s", gateway.keys["colleague"]).status == 204
        assert gateway.send("GET", f"{SESSIONS}/s", gateway.keys["owner"]).status == 404
        assert gateway.send("GET", f"{SESSIONS}/s", gateway.keys["other"]).status == 200


def test_failed_requests_add_nothing(vendor, prompted):
    """
    The session stays as it was, and so does the list.
    """
    vendor.play(answer({"content": "no"}, error="x"))
    prompted.post(RUN, {"model": "unknown", "session": "s", "input": "a"})
    vendor.clear_replies()
    prompted.post(RUN, {"model": "fast", "session": "s", "input": "a"})

    assert prompted.send("GET", SESSIONS, prompted.keys["owner"]).json["items"] == []


def test_sessions_are_bounded(prompted, monkeypatch):
    """
    In messages and in bytes. Nothing is sent to the vendor.
    """
    for limit in ("MAX_MESSAGES", "MAX_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(store, limit, 1)
            received = prompted.post(RUN, {"model": "fast", "session": "s", "input": "a"})

        assert (received.status, received.json["error"]["code"]) == (400, "session_full")


def test_sessions_are_listed_in_pages(prompted):
    """
    The last changed first.
    """

    async def fill():
        for number in range(5):
            sessions = store.SessionStore(prompted.worker.database, 1, now=lambda: 4e9 + number // 2)  # noqa: B023
            await sessions.add("team-red", f"s{number}", [user("a")])

    prompted.run(fill())
    names, cursor = [], ""
    while cursor is not None:
        page = prompted.send("GET", f"{SESSIONS}?limit=2{cursor and '&cursor='}{cursor}", prompted.keys["owner"]).json
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert names == ["s4", "s3", "s2", "s1", "s0"]


def test_expired_sessions_are_removed(database_url):
    """
    After the days of the settings without a reply: they are not read, and another reply removes them.
    """

    async def scenario():
        async with open_database(database_url) as database:
            now = [1000.0]
            sessions = store.SessionStore(database, 1, now=lambda: now[0])
            await sessions.add("a", "old", [user("a")])
            now[0] += 86401
            read = await sessions.join("a", "old", [user("b")])
            await sessions.add("a", "new", [user("c")])
            async with database.read() as connection:
                listed = await store.list_sessions(connection, "a", 0, after=None, limit=9)
            return read, [each.name for each in listed]

    assert asyncio.run(scenario()) == ([user("b")], ["new"])


def test_requests_at_the_same_time_lose_nothing(database_url):
    """
    Their messages follow one another.
    """

    async def scenario():
        async with open_database(database_url) as database:
            sessions = store.SessionStore(database, 1)
            await asyncio.gather(
                *(sessions.add("a", "s", [user(str(number)), assistant(f"re {number}")]) for number in range(8))
            )
            return await sessions.join("a", "s", [])

    kept = asyncio.run(scenario())
    pairs = sorted((kept[index]["content"], kept[index + 1]["content"]) for index in range(0, 16, 2))
    assert pairs == [(str(number), f"re {number}") for number in range(8)]
