"""The table of vendors' tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text, update

from budwood_server.database.tables import VENDOR_TOKENS
from budwood_server.database.versions import TOKENS, read_versions
from budwood_server.vault import store
from budwood_server.vault.master_keys import new_master_key, parse_master_keys
from budwood_server.vault.sealing import SealError
from budwood_server.vault.tokens import TokenError, parse_new_token, parse_token_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET, OTHER = "sk-proj-0123456789abcdef", "sk-proj-fedcba9876543210"


async def add(database, keys, provider="openai", label="default", secret=SECRET, *, now=NOW):
    """
    Store a token in a transaction.
    """
    async with database.write() as connection:
        return await store.add_token(connection, keys, parse_new_token(provider, label, secret), now)


async def load(database, provider=None):
    """
    Return the tokens.
    """
    async with database.read() as connection:
        return await store.load_tokens(connection, provider)


async def read_version(database):
    """
    Return the version of the tokens.
    """
    async with database.read() as connection:
        return (await read_versions(connection))[TOKENS]


def test_a_stored_token_can_be_opened(run, keys):
    """
    The table has nothing of it but its last four characters.
    """

    async def scenario(database):
        added = await add(database, keys, "Open_AI", "team a")
        async with database.read() as connection:
            row = (await connection.execute(select(VENDOR_TOKENS))).one()
        return added, row, await load(database), await read_version(database)

    added, row, (stored,), version = run(scenario)

    assert stored.token == added
    assert (added.provider, added.label, added.ending, added.created) == ("open-ai", "team a", "cdef", NOW)
    assert stored.open(keys).get_secret_value() == SECRET
    assert (added.key_id, row.version, version) == (keys.current.id, 1, 1)
    assert SECRET[:-4] not in f"{row} {stored!r} {added!r}"
    assert SECRET[:8].encode() not in row.ciphertext


def test_names_and_tokens_of_a_provider_are_unique(run, keys):
    """
    Another provider may have the same token. Nothing has changed.
    """

    async def scenario(database):
        await add(database, keys)
        await add(database, keys, "groq")
        for label, secret, problem in (("default", OTHER, "already"), ("second", SECRET, "the same token")):
            with pytest.raises(store.TokenExistsError, match=problem) as error:
                await add(database, keys, label=label, secret=secret)
            assert secret not in f"{error.value} {error.value.hint}"
        return len(await load(database)), await read_version(database)

    assert run(scenario) == (2, 2)


def test_a_token_is_replaced(run, keys):
    """
    Its id and the moment of its creation stay. With the same text it is an error.
    """

    async def scenario(database):
        added = await add(database, keys)
        async with database.write() as connection:
            later = NOW + timedelta(days=1)
            changed = await store.replace_token(connection, keys, added.id, SecretStr(OTHER), later)
        with pytest.raises(store.TokenExistsError):
            async with database.write() as connection:
                await store.replace_token(connection, keys, added.id, SecretStr(OTHER), later)
        with pytest.raises(store.TokenNotFoundError):
            async with database.write() as connection:
                await store.replace_token(connection, keys, "tok_x", SecretStr(SECRET), later)
        return added, changed, (await load(database))[0].open(keys), await read_version(database)

    added, changed, secret, version = run(scenario)

    assert (changed.id, changed.created, changed.changed) == (added.id, NOW, NOW + timedelta(days=1))
    assert (changed.ending, secret.get_secret_value(), version) == ("3210", OTHER, 2)


def test_a_removed_token_is_gone(run, keys):
    """
    With its sealed text. A second time there is none.
    """

    async def scenario(database):
        added = await add(database, keys)
        for attempt in range(2):
            try:
                async with database.write() as connection:
                    await store.remove_token(connection, added.id)
            except store.TokenNotFoundError:
                assert attempt == 1
        async with database.read() as connection:
            return (await connection.execute(select(VENDOR_TOKENS))).all(), await read_version(database)

    assert run(scenario) == ([], 2)


def test_tokens_are_sealed_again_with_the_newest_key(run, keys):
    """
    Only then can the older key be forgotten. A second time there is nothing to do.
    """
    newer = keys.rotate()
    alone = parse_master_keys(newer.to_text().partition(",")[0], "environment")

    async def rewrap(database, those):
        async with database.write() as connection:
            return await store.rewrap_tokens(connection, those)

    async def scenario(database):
        await add(database, keys)
        await add(database, newer, "groq", secret=OTHER)
        failed = await rewrap(database, alone)
        done = [await rewrap(database, newer) for _ in range(2)]
        async with database.read() as connection:
            counts = await store.count_by_key(connection)
        return failed, done, [each.open(alone).get_secret_value() for each in await load(database)], counts

    failed, (first, second), secrets, counts = run(scenario)

    assert (len(failed.changed), failed.unchanged, len(failed.failed)) == (0, 1, 1)
    assert keys.current.id in str(failed.failed[0][1])
    assert ([each.provider for each in first.changed], first.unchanged, first.failed) == (["openai"], 1, [])
    assert (second.changed, second.unchanged) == ([], 2)
    assert (secrets, counts) == ([OTHER, SECRET], {newer.current.id: 2})


@pytest.mark.parametrize(
    "change",
    ["copied to another id", "moved to another provider", "truncated", "other nonce", "other master key", "other form"],
)
def test_a_damaged_row_does_not_harm_others(run, keys, change):
    """
    The error says what is wrong, and other tokens can be opened.
    """
    other = parse_master_keys(new_master_key(), "environment")

    async def scenario(database):
        added = await add(database, keys)
        await add(database, keys, "groq", secret=OTHER)
        values = {
            "copied to another id": {"id": "tok_copy"},
            "moved to another provider": {"provider": "evil"},
            "truncated": {"ciphertext": b"123"},
            "other nonce": {"nonce": bytes(12)},
            "other master key": {"key_id": other.current.id},
            "other form": {"version": 99},
        }[change]
        async with database.write() as connection:
            await connection.execute(update(VENDOR_TOKENS).where(VENDOR_TOKENS.c.id == added.id).values(values))
        found = {each.token.provider: each for each in await load(database)}
        with pytest.raises(SealError) as error:
            (found.get("openai") or found["evil"]).open(keys)
        assert error.value.hint
        return found["groq"].open(keys).get_secret_value()

    assert run(scenario) == OTHER


def test_a_damaged_token_can_be_replaced(run, keys):
    """
    Its text is not needed for that, nor for a token beside it.
    """

    async def scenario(database):
        added = await add(database, keys)
        async with database.write() as connection:
            await connection.execute(text("UPDATE budwood_vendor_tokens SET key_id = 'lost'"))
        await add(database, keys, label="second", secret=OTHER)
        async with database.write() as connection:
            await store.replace_token(connection, keys, added.id, SecretStr(SECRET), NOW)
        return [each.open(keys).get_secret_value() for each in await load(database)]

    assert run(scenario) == [SECRET, OTHER]


def test_tokens_are_found_by_id_and_name(run, keys):
    """
    By the provider alone if it has one.
    """

    async def scenario(database):
        added = await add(database, keys)
        await add(database, keys, "groq", "a")
        await add(database, keys, "groq", "b", OTHER)
        async with database.read() as connection:
            names = [added.id, "OpenAI", "openai/default", "groq/b"]
            found = [(await store.find_token(connection, name)).token.name for name in names]
            problems = []
            for name in ("groq", "openai/other", "tok_x", ""):
                with pytest.raises(store.TokenNotFoundError) as error:
                    await store.find_token(connection, name)
                problems.append(str(error.value.hint))
        return found, problems

    found, problems = run(scenario)

    assert found == ["openai/default", "openai/default", "openai/default", "groq/b"]
    assert problems == ["Name one: groq/a, groq/b.", *3 * ["`budwood server tokens list` shows them."]]


def test_pages_have_each_token_once(run, keys):
    """
    The newest first, also if several were created at the same moment.
    """

    async def scenario(database):
        for number in range(5):
            await add(database, keys, label=f"{number}", secret=f"{SECRET}{number}")
        await add(database, keys, "groq", now=NOW + timedelta(days=1))
        pages, after = [], None
        async with database.read() as connection:
            while page := await store.list_tokens(connection, after=after, limit=2):
                pages.append([each.token.name for each in page])
                after = page[-1].token.created.timestamp(), page[-1].token.id
            groq = await store.list_tokens(connection, provider="Groq")
        return pages, [each.token.name for each in groq]

    pages, groq = run(scenario)

    assert [len(page) for page in pages] == [2, 2, 2]
    assert pages[0][0] == "groq/default"
    assert len({name for page in pages for name in page}) == 6
    assert groq == ["groq/default"]


@pytest.mark.parametrize(
    ("provider", "label", "secret", "problem"),
    [
        ("", "default", SECRET, "provider"),
        ("a" * 101, "default", SECRET, "provider"),
        ("open\0ai", "default", SECRET, "provider"),
        ("openai", "", SECRET, "label"),
        ("openai", "\ud800", SECRET, "label"),
        ("openai", f"my {SECRET}", SECRET, "must not be a part of its names"),
        ("openai", "default", " \n", "token: must not be empty"),
        ("openai", "default", "sk-two lines\nof text", "without spaces"),
        ("openai", "default", "sk-\u00e9", "without spaces"),
        ("openai", "default", "x" * 20_001, "at most 20,000"),
    ],
)
def test_invalid_tokens_are_not_quoted(provider, label, secret, problem):
    """
    The error names the field.
    """
    with pytest.raises(TokenError, match=problem) as error:
        parse_new_token(provider, label, secret)

    assert error.value.__context__ is None
    assert not secret.strip() or secret not in str(error.value)


def test_white_space_around_a_token_is_removed():
    """
    It comes from the clipboard. Of a short token no character is shown.
    """
    assert parse_token_text(f"\ufeff {SECRET}\n").get_secret_value() == SECRET
    assert store.find_ending("short") == ""
    with pytest.raises(TokenError):
        parse_token_text("")
