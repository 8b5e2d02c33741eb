"""Public ids of files in bodies."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.access.file_ids import translate_file_ids
from budwood_server.access.ownership import Ownership
from budwood_server.access.public_ids import encode_id
from budwood_server.web.problems import ProblemError
from tests.plugins.server.databases import open_database

OURS = encode_id("file", "openai", "file-1")


def translate(body, url, *, owner="me", provider="openai"):
    """
    Translate the ids in a body; the owner "me" has one file of OpenAI.
    """

    async def run():
        async with open_database(url) as database:
            ownership = Ownership(database)
            await ownership.record("file", OURS, "me", provider="openai", vendor_id="file-1")
            return await translate_file_ids(body, lambda: ownership, owner, provider)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "make",
    [
        lambda file_id: {"messages": [{"content": [{"type": "file", "file": {"file_id": file_id}}]}]},
        lambda file_id: {"input": [{"type": "message", "content": [{"type": "input_image", "file_id": file_id}]}]},
        lambda file_id: {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [file_id]}}]},
        lambda file_id: {"messages": [{"content": [{"type": "document", "source": {"file_id": file_id}}]}]},
        lambda file_id: {"images": [{"file_id": file_id}], "mask": {"file_id": file_id}},
        lambda file_id: {"prompt": {"variables": {"a": {"type": "input_file", "file_id": file_id}}}},
    ],
)
def test_ids_become_those_of_the_vendor(make, sqlite_url):
    """
    Wherever a vendor takes the id of a file, a public one of the owner is translated, and all others are refused.
    """
    body = make(OURS)

    assert translate(body, sqlite_url)
    assert body == make("file-1")
    for file_id, options in (
        ("file-1", {}),
        (OURS, {"owner": "you"}),
        (OURS, {"provider": "azure"}),
    ):
        with pytest.raises(ProblemError):
            translate(make(file_id), sqlite_url, **options)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"file_id": "mine"}},
        {"tools": [{"function": {"parameters": {"type": ["object"], "default": {"file_id": "mine"}}}}]},
        {"messages": [{"content": [{"type": "tool_use", "input": {"file_id": "mine"}}]}]},
        {"input": [{"content": [{"annotations": [{"type": "container_file_citation", "file_id": "cfile_1"}]}]}]},
        {"messages": [{"content": [{"content": [{"type": "code_execution_output", "file_id": "file_1"}]}]}]},
    ],
)
def test_data_of_programs_and_citations_remain(body, sqlite_url):
    """
    Data that happen to have the name of an id, and files that earlier replies cite, are left alone.
    """
    assert not translate(body, sqlite_url)


def test_body_without_ids_needs_no_database():
    """
    An ordinary chat does not ask who owns files.
    """
    body = {"messages": [{"role": "user", "content": "Hi"}]}

    assert not asyncio.run(translate_file_ids(body, lambda: pytest.fail("asked"), "me", "openai"))
