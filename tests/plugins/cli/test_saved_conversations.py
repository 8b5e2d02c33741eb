"""``budwood conversations`` lists and removes what ``-c`` continues."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.one_python


def ask(budwood, prompt):
    """
    Ask in a new conversation, and return its id.
    """
    done = budwood("ask", prompt, "-m", "offline/extractive", "--json")
    return json.loads(done.stdout)["conversation"]


def test_conversations_are_listed_the_last_one_first(budwood):
    """
    With the beginning of their first prompt.
    """
    first, second = ask(budwood, "Is it\nold? It is."), ask(budwood, "x" * 100)
    rows = json.loads(budwood("conversations", "list", "--json").stdout)
    table = budwood("conversations", "list").stdout

    assert [(row["id"], row["model"], row["messages"]) for row in rows] == [
        (second, "offline/extractive", 2),
        (first, "offline/extractive", 2),
    ]
    assert rows[1]["begins"] == "Is it\nold? It is."
    assert "Is it old? It is." in table
    assert "x" * 39 + "…" in table


def test_a_listed_conversation_is_continued_by_its_id(budwood):
    """
    `chat` takes it, as `ask` does.
    """
    first = ask(budwood, "A shoot is grafted. What is grafted?")
    ask(budwood, "Another one.")
    done = budwood("chat", "--conversation", first[:6], stdin="And again?\n")
    rows = json.loads(budwood("conversations", "list", "--json").stdout)

    assert done.returncode == 0, done.stderr
    assert (rows[0]["id"], rows[0]["messages"]) == (first, 4)


def test_a_conversation_is_removed_after_a_confirmation(budwood):
    """
    Without a terminal the option has to confirm it.
    """
    first, second = ask(budwood, "One."), ask(budwood, "Two.")
    refused = budwood("conversations", "rm", first)
    done = budwood("conversations", "rm", first, "--yes")
    rows = json.loads(budwood("conversations", "list", "--json").stdout)
    removed = json.loads(budwood("conversations", "rm", second, "--yes", "--json").stdout)

    assert (refused.returncode, done.returncode) == (2, 0)
    assert [row["id"] for row in rows] == [second]
    assert removed == {"removed": [second]}
    assert budwood("conversations", "list").stderr == "no conversations\n"


def test_an_unknown_conversation_is_an_error(budwood):
    """
    Nothing is removed.
    """
    first = ask(budwood, "One.")
    done = budwood("conversations", "rm", first, "nothing", "--yes")

    assert done.returncode == 2
    assert "`budwood conversations list`" in done.stderr
    assert len(json.loads(budwood("conversations", "list", "--json").stdout)) == 1


def test_a_damaged_conversation_is_listed(budwood, tmp_path):
    """
    So that it can be removed.
    """
    first = ask(budwood, "One.")
    (file,) = (tmp_path / "home").rglob(f"conversations/{first}.json")
    file.write_text('{"messages": 1}')
    (row,) = json.loads(budwood("conversations", "list", "--json").stdout)

    assert (row["id"], row["model"], row["messages"]) == (first, None, 0)
