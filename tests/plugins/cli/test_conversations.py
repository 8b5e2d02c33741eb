"""Conversations of ``budwood ask`` on disk."""

from __future__ import annotations

import json
import stat
import sys
import threading

import pytest

from budwood import Client
from budwood_cli import conversations

SECRET = "sk-test-9f3a-never-stored"

pytestmark = pytest.mark.one_python


@pytest.fixture
def client():
    """
    A client of a model in this process.
    """
    with Client("offline/extractive") as client:
        yield client


@pytest.fixture
def stored(tmp_path):
    """
    List the files of conversations, the newest last.
    """

    def list_files(pattern="*.json"):
        files = (tmp_path / "home").rglob(f"conversations/{pattern}")
        return sorted(files, key=lambda file: file.stat().st_mtime_ns)

    return list_files


def texts_of(request):
    """
    Return the texts of a request, without the system prompt.
    """
    return [message["content"] for message in request["messages"] if message["role"] != "system"]


def ask(client, text):
    """
    Keep a conversation of one turn.
    """
    session = client.chat()
    session.ask(text)
    kept = conversations.new_conversation()
    assert conversations.keep(client, session, kept) == kept.id
    return kept


# The command.


def test_a_conversation_continues(budwood, vendor):
    """
    With -c, the model gets the prompts and replies before, and the same system prompt.
    """
    budwood("ask", "One?", "-s", "Be brief.")
    budwood("ask", "-c", "Two?")
    run = budwood("ask", "--continue", "Three?", "--json")

    assert texts_of(vendor.requests[-1]) == ["One?", "Hello there.", "Two?", "Hello there.", "Three?"]
    assert vendor.requests[-1]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert json.loads(run.stdout)["text"] == "Hello there."


def test_a_conversation_is_found_by_its_id(budwood, vendor):
    """
    --json prints the id, and its beginning is enough. Without -c each call is a conversation of its own.
    """
    first, second = (json.loads(budwood("ask", text, "--json").stdout)["conversation"] for text in ("One?", "Two?"))
    run = budwood("ask", "More?", "--conversation", first[:6], "--json")

    assert first != second
    assert json.loads(run.stdout)["conversation"] == first
    assert texts_of(vendor.requests[-1]) == ["One?", "Hello there.", "More?"]


def test_another_model_continues(budwood, vendor):
    """
    Without -m it is the model that answered last.
    """
    budwood("ask", "One?", "-m", "local/tiny")
    budwood("ask", "Two?", "-c", "-m", "local/large")
    budwood("ask", "Three?", "-c")

    assert [request["model"] for request in vendor.requests] == ["tiny", "large", "large"]
    assert len(texts_of(vendor.requests[-1])) == 5


def test_a_call_can_be_left_out(budwood, vendor, stored):
    """
    With --no-save nothing is stored, and -c continues the conversation before.
    """
    budwood("ask", "One?")
    run = budwood("ask", "Private?", "--no-save", "--json")
    budwood("ask", "Two?", "-c")

    assert json.loads(run.stdout)["conversation"] is None
    assert texts_of(vendor.requests[-1]) == ["One?", "Hello there.", "Two?"]
    assert len(stored()) == 1


def test_a_failed_call_is_not_stored(budwood, vendor, stored):
    """
    The history has only complete turns.
    """
    budwood("ask", "One?")
    before = stored()[0].read_bytes()
    vendor.status = 500

    assert budwood("ask", "Two?", "-c").returncode == 6
    assert [file.read_bytes() for file in stored()] == [before]


def test_no_key_is_stored_and_only_the_user_can_read(budwood, vendor, stored):
    """
    The folder and its files belong to the user alone.
    """
    run = budwood("ask", "Hi", BUDWOOD_PROVIDERS__LOCAL__API_KEY=SECRET)

    (file,) = stored()
    assert run.returncode == 0
    assert all(SECRET not in each.read_text() for each in file.parent.iterdir())
    if sys.platform != "win32":
        assert [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)] == [0o600, 0o700]


def test_a_variable_names_the_folder(budwood, vendor, tmp_path):
    """
    BUDWOOD_DATA_DIR replaces the user's data folder.
    """
    budwood("ask", "Hi", BUDWOOD_DATA_DIR=str(tmp_path / "here"))

    assert len([*(tmp_path / "here" / "conversations").glob("*.json")]) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": "local/tiny"}', '{"model": null, "messages": 7}'])
def test_a_damaged_file_is_set_aside(budwood, vendor, stored, content):
    """
    The error says where it is, and the next -c continues the conversation before it.
    """
    budwood("ask", "One?")
    budwood("ask", "Two?")
    damaged = stored()[-1]
    damaged.write_text(content)

    run = budwood("ask", "More?", "-c")
    budwood("ask", "More?", "-c")

    (aside,) = stored("*.damaged-*")
    assert (run.returncode, aside.read_text()) == (1, content)
    assert run.stderr.startswith(f"error: The conversation {damaged.stem} is damaged. It was moved to {aside}.\nhint: ")
    assert "Traceback" not in run.stderr
    assert texts_of(vendor.requests[-1]) == ["One?", "Hello there.", "More?"]


def test_a_file_in_place_of_the_folder_is_noted(budwood, vendor, tmp_path):
    """
    The reply is there, and the status is 0.
    """
    (tmp_path / "home" / "budwood").write_text("")

    run = budwood("ask", "Hi")

    assert (run.returncode, run.stdout) == (0, "Hello there.\n")
    assert run.stderr.startswith("note: the conversation is not stored")


def test_two_commands_at_once_keep_both_turns(started, budwood, vendor, stored):
    """
    Both continue the same conversation before either is complete.
    """
    budwood("ask", "One?")
    vendor.gate = threading.Event()
    processes = [started("ask", "-c", text) for text in ("Two?", "Three?")]
    for process in processes:
        process.stdin.close()
    for process in processes:
        assert process.stdout.read(5) == b"Hello"

    vendor.gate.set()
    assert [process.wait() for process in processes] == [0, 0]

    (file,) = stored()
    prompts = [each["parts"][0]["text"] for each in json.loads(file.read_text())["messages"] if each["role"] == "user"]
    assert prompts[0] == "One?"
    assert sorted(prompts[1:]) == ["Three?", "Two?"]


# The store.


def test_turns_of_other_processes_come_first(client):
    """
    The session then has them too, and the next turn of each is added again.
    """
    first = ask(client, "A shoot is grafted.")
    ours, theirs = (conversations.find_conversation(first.id) for _ in range(2))
    our_session, their_session = (conversations.open_session(client, each) for each in (ours, theirs))

    their_session.ask("A rootstock grows.")
    assert conversations.keep(client, their_session, theirs) == first.id
    for text in ("A bud opens.", "A leaf falls."):
        our_session.ask(text)
        assert conversations.keep(client, our_session, ours) == first.id

    again = conversations.open_session(client, conversations.find_conversation())
    prompts = [message.text for message in again.messages if message.role == "user"]
    assert prompts == ["A shoot is grafted.", "A rootstock grows.", "A bud opens.", "A leaf falls."]
    assert again.messages == our_session.messages


def test_histories_that_contradict_are_both_kept(client, capsys):
    """
    After `undo`, the session is no longer what another process has continued: it gets an id of its own.
    """
    first = ask(client, "A shoot is grafted.")
    ours, theirs = (conversations.find_conversation(first.id) for _ in range(2))
    our_session, their_session = (conversations.open_session(client, each) for each in (ours, theirs))
    their_session.ask("A rootstock grows.")
    conversations.keep(client, their_session, theirs)

    our_session.undo()
    our_session.ask("A bud opens.")

    assert conversations.keep(client, our_session, ours) == ours.id != first.id
    assert f"another process has changed the conversation {first.id}" in capsys.readouterr().err
    assert len(conversations.open_session(client, conversations.find_conversation(first.id)).messages) == 4


def test_undone_turns_are_removed(client):
    """
    If no other process has changed it, the stored conversation is that of the session.
    """
    kept = ask(client, "A shoot is grafted.")
    session = conversations.open_session(client, kept)
    session.undo()

    assert conversations.keep(client, session, kept) == kept.id
    assert conversations.open_session(client, conversations.find_conversation()).messages == ()


def test_the_oldest_are_deleted(client, monkeypatch):
    """
    The number of conversations and their size are limited. The one that is kept stays.
    """
    monkeypatch.setattr(conversations, "MAX_CONVERSATIONS", 3)
    kept = [ask(client, f"Leaf {number} falls.") for number in range(5)]
    assert [each.path.exists() for each in kept] == [False, False, True, True, True]

    monkeypatch.setattr(conversations, "MAX_TOTAL_BYTES", 1)
    last = ask(client, "A bud opens.")
    assert [each.path.exists() for each in [*kept, last]] == [False] * 5 + [True]


def test_a_large_conversation_is_not_stored(client, capsys, monkeypatch):
    """
    What was stored of it stays.
    """
    kept = ask(client, "A shoot is grafted.")
    session = conversations.open_session(client, kept)
    monkeypatch.setattr(conversations, "MAX_BYTES", kept.path.stat().st_size)
    session.ask("A rootstock grows.")

    assert conversations.keep(client, session, kept) is None
    assert capsys.readouterr().err.startswith(
        "note: the conversation is not stored, and cannot be continued: It has 0 MiB"
    )
    assert len(conversations.open_session(client, kept).messages) == 2
    assert [path.name for path in kept.path.parent.glob(".*.new")] == []


def test_a_conversation_with_a_file_continues(client, tmp_path):
    """
    Messages are stored with their files, so that a changed or deleted file has no effect.
    """
    (tmp_path / "note.txt").write_text("A shoot is grafted onto a rootstock.")
    session = client.chat()
    session.ask("What is grafted?", files=["note.txt"])
    kept = conversations.new_conversation()
    conversations.keep(client, session, kept)
    (tmp_path / "note.txt").unlink()

    again = conversations.open_session(client, conversations.find_conversation())

    assert again.messages == session.messages
    assert "onto a rootstock" in again.messages[0].text
