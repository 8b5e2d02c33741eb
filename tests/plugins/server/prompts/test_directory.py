"""Prompts that a worker keeps in memory, with databases of both kinds."""

from __future__ import annotations

import asyncio

import pytest

from budwood_prompts import InvalidPromptError, PromptNotFoundError, read_prompt
from budwood_server.database import VersionWatch
from budwood_server.prompts import store
from budwood_server.prompts.directory import PromptDirectory
from tests.plugins.server.databases import open_database


def run(url, scenario):
    """
    Run a coroutine function with a database, a directory and the watch that tells it of changes.
    """

    async def main():
        async with open_database(url) as database:
            directory, watch = PromptDirectory(database, capacity=2), VersionWatch(database, interval=60)
            directory.start(watch)
            await watch.start()
            try:
                return await scenario(database, directory, watch)
            finally:
                await watch.close()

    return asyncio.run(main())


async def save(database, name, text="Hello", label=None):
    """
    Save a version of a prompt.
    """
    prompt = read_prompt({"name": name, "messages": [{"role": "user", "content": text}]}, where=name)
    async with database.write() as connection:
        saved = await store.save_prompt(connection, prompt, "test")
        if label is not None:
            await store.set_label(connection, name, label, saved.version)


def test_changes_are_read_after_the_watch_has_noticed_them(database_url):
    """
    A label means another version then. A version is parsed once.
    """

    async def scenario(database, directory, watch):
        await save(database, "greeting", label="live")
        first = await directory.find("greeting@live")
        await save(database, "greeting", "Hi", label="live")
        await save(database, "other")
        await watch.check()
        after, numbered = await directory.find("greeting@live"), await directory.find("greeting@1")
        return first.version, after.version, numbered is first

    assert run(database_url, scenario) == (1, 2, True)


def test_deleted_prompt_is_not_found(database_url):
    """
    Also by its number, and its numbers are not used again.
    """

    async def scenario(database, directory, watch):
        await save(database, "greeting")
        await directory.find("greeting@1")
        async with database.write() as connection:
            await store.delete_prompt(connection, "greeting")
        await watch.check()
        with pytest.raises(PromptNotFoundError):
            await directory.find("greeting@1")
        await save(database, "greeting", "Hi")
        return (await directory.find("greeting")).version

    assert run(database_url, scenario) == 2


def test_memory_is_bounded(database_url):
    """
    The prompt that was kept first is read again, and the others are not.
    """

    async def scenario(database, directory, watch):
        for name in ("a", "b", "c"):
            await save(database, name)
        found = [await directory.find(name) for name in ("a", "b", "c", "c", "a")]
        return found[2] is found[3], found[0] is found[4]

    assert run(database_url, scenario) == (True, False)


@pytest.mark.parametrize(("name", "error"), [("greeting@live", PromptNotFoundError), ("No name", InvalidPromptError)])
def test_unknown_prompt_is_an_error(sqlite_url, name, error):
    """
    It is read again each time: it may exist soon.
    """

    async def scenario(database, directory, watch):
        with pytest.raises(error):
            await directory.find(name)

    run(sqlite_url, scenario)
