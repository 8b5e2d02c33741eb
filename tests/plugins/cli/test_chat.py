from __future__ import annotations

import json
import os
import sys
import threading
from types import SimpleNamespace

import pytest

from budwood_cli.chats.conversation import Conversation


def contents(request):
    """
    Return the texts of a request, starting with the system prompt.
    """
    return [message["content"] for message in request["messages"]]


def test_a_piped_chat_sends_the_history(budwood, vendor):
    """
    Each line is a turn, sent with the previous ones. Only replies go to standard output.
    """
    run = budwood("chat", "-s", "Be kind.", stdin="One\n\nTwo\n")

    assert (run.returncode, run.stdout, run.stderr) == (0, "Hello there.\nHello there.\n", "")
    assert contents(vendor.requests[-1]) == ["Be kind.", "One", "Hello there.", "Two"]


def test_quit_ends_the_chat(budwood, vendor):
    """
    Lines after /quit are not sent.
    """
    assert budwood("chat", stdin="One\n/quit\nTwo\n").returncode == 0

    assert vendor.prompts == ["One"]


def test_a_chat_is_saved_and_loaded(budwood, vendor, tmp_path):
    """
    --load continues the conversation that /save wrote, with the same model and system prompt.
    """
    budwood("chat", "-m", "local/large", "-s", "Be kind.", stdin="One\n/save talk.json\n")
    budwood("chat", "--load", "talk.json", stdin="Two\n")

    assert vendor.requests[-1]["model"] == "large"
    assert contents(vendor.requests[-1]) == ["Be kind.", "One", "Hello there.", "Two"]


def test_the_system_prompt_can_be_changed(budwood, vendor):
    """
    /system TEXT applies from the next turn on. /system alone shows it, on standard error.
    """
    run = budwood("chat", stdin="/system Be brief.\nOne\n/system\n")

    assert contents(vendor.requests[0]) == ["Be brief.", "One"]
    assert run.stderr == "system: Be brief.\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/help", "/model NAME   change the model"),
        ("/history", ""),
        ("/system", "No system prompt is set.\n"),
        ("/model", "model: local/tiny\n"),
        ("/file", "No file is attached.\n"),
        ("/cost", "Nothing was sent yet.\n"),
    ],
)
def test_commands_are_not_sent_to_the_model(budwood, vendor, line, expected):
    """
    Lines that start with a slash are answered locally, on standard error.
    """
    run = budwood("chat", stdin=f"{line}\n")

    assert (run.returncode, run.stdout, vendor.requests) == (0, "", [])
    assert run.stderr.startswith(expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/save", "error: /save needs an argument.\nhint: Write /save FILE.\n"),
        ("/sve talk.json", "error: There is no command /sve.\nhint: Did you mean /save? /help lists the commands."),
        ("/nonsense", "error: There is no command /nonsense.\nhint: /help lists the commands."),
        ("/", "error: There is no command /.\nhint: /help lists"),
        ("/undo it", "error: /undo takes no argument.\nhint: A leading space sends the line to the model."),
        ("/undo", "error: There is no message to undo.\n"),
        ("/retry", "error: There is no message to send again.\n"),
        ("/file none.txt", "error: none.txt does not exist.\n"),
        ("/file .", "error: . is a folder.\n"),
        ("/load none.json", "error: Cannot read none.json: No such file"),
        ("/model nobody/tiny", "error: "),
    ],
)
def test_a_wrong_command_ends_a_piped_chat(budwood, vendor, line, expected):
    """
    The next line may depend on it, so it is not sent. The error names a near match, or what is missing.
    """
    run = budwood("chat", stdin=f"{line}\nOne\n")

    assert run.returncode in (2, 3)
    assert (run.stdout, vendor.requests) == ("", [])
    assert run.stderr.startswith(expected)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("command", ["/save", "/save!"])
def test_only_a_regular_file_is_saved_over(budwood, vendor, tmp_path, command):
    """
    Neither /save nor /save! replaces a pipe, which would also be the end of ``/dev/null``, or a folder.
    """
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    pipe = budwood("chat", stdin=f"{command} {tmp_path / 'pipe'}\n")
    folder = budwood("chat", stdin=f"{command} {tmp_path / 'folder'}\n")

    assert (pipe.returncode, folder.returncode) == (2, 2)
    assert "exists, and is not a regular file.\nhint: Write /save FILE" in pipe.stderr
    assert "is a folder.\nhint: Write /save FILE" in folder.stderr
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("line", [" /save", "/usr/bin/env", "//", "/Save it"])
def test_other_lines_with_a_slash_are_messages(budwood, vendor, line):
    """
    A command is a slash and small letters, at the beginning of the line.
    """
    budwood("chat", stdin=f"{line}\n")

    assert vendor.prompts == [line]


def test_undo_and_retry_through_a_pipe(budwood, vendor):
    """
    /undo removes a turn, and /retry sends the last message again.
    """
    run = budwood("chat", stdin="One\nTwo\n/undo\n/retry\nThree\n")

    assert (run.returncode, run.stderr) == (0, "removed: Two\n")
    assert [contents(request) for request in vendor.requests[2:]] == [["One"], ["One", "Hello there.", "Three"]]


def test_files_go_with_the_next_message(budwood, vendor, tmp_path):
    """
    -f and /file attach files to one message. Quotes around a path are removed. Later requests contain it as history.
    """
    (tmp_path / "first.txt").write_text("alpha")
    (tmp_path / "my file.txt").write_text("beta")
    run = budwood("chat", "-f", "first.txt", stdin="/file 'my file.txt'\nOne\n/file\nTwo\n")

    assert run.stderr == "No file is attached.\n"
    assert all(text in str(vendor.requests[0]["messages"]) for text in ("alpha", "beta"))
    assert contents(vendor.requests[1])[-1] == "Two"


def test_a_missing_file_is_reported_before_the_first_turn(budwood, vendor):
    """
    -f names a file that exists.
    """
    run = budwood("chat", "-f", "none.txt", stdin="One\n")

    assert (run.returncode, vendor.requests) == (2, [])
    assert run.stderr.startswith("error: none.txt does not exist.")


def test_the_model_can_be_changed(budwood, vendor):
    """
    /model NAME applies from the next turn on.
    """
    run = budwood("chat", stdin="One\n/model local/large\nTwo\n")

    assert (run.returncode, run.stderr) == (0, "")
    assert [request["model"] for request in vendor.requests] == ["tiny", "large"]


def test_a_saved_chat_is_loaded_by_a_command(budwood, vendor):
    """
    /load replaces the conversation, its system prompt and its model.
    """
    budwood("chat", "-m", "local/large", "-s", "Be kind.", stdin="One\n/save talk.json\n")
    run = budwood("chat", stdin="Two\n/load talk.json\nThree\n")

    assert run.stderr == "loaded: talk.json (2 messages)\nmodel: local/large, system: Be kind.\n"
    assert vendor.requests[-1]["model"] == "large"
    assert contents(vendor.requests[-1]) == ["Be kind.", "One", "Hello there.", "Three"]


def test_save_does_not_replace_a_file_without_a_question(budwood, vendor, tmp_path):
    """
    Through a pipe no question can be asked, so it is an error. /save! replaces the file.
    """
    (tmp_path / "talk.json").write_text("mine")
    run = budwood("chat", stdin="One\n/save talk.json\n")

    assert (run.returncode, (tmp_path / "talk.json").read_text()) == (2, "mine")
    assert run.stderr == "error: talk.json exists.\nhint: /save! talk.json replaces it.\n"
    assert budwood("chat", stdin="One\n/save! talk.json\n").returncode == 0
    assert json.loads((tmp_path / "talk.json").read_text())["messages"]


def test_the_system_prompt_can_be_removed(budwood, vendor):
    """
    /system - removes it.
    """
    run = budwood("chat", "-s", "Be kind.", stdin="/system -\n/system\nOne\n")

    assert run.stderr == "No system prompt is set.\n"
    assert contents(vendor.requests[0]) == ["One"]


def test_tokens_and_costs_are_summed_up(budwood, vendor):
    """
    /cost includes replies that were undone, and says for how many nothing is known.
    """
    vendor.usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cost": 2}
    run = budwood("chat", stdin="One\n/retry\n/cost\n")

    assert run.stderr == "2 replies\ntokens: 10 in, 6 out\ncost: $4.00\n"


def test_options_of_the_call(budwood, vendor):
    """
    --seed, -O and --extra hold for all turns; --base-url is the address of the provider.
    """
    options = ("--seed", "7", "-O", "temperature", "0.5", "--extra", '{"user": "me"}', "--timeout", "60")
    run = budwood("chat", *options, "--base-url", vendor.url, stdin="One\nTwo\n")

    assert run.returncode == 0
    assert [(sent["seed"], sent["temperature"], sent["user"]) for sent in vendor.requests] == [(7, 0.5, "me")] * 2


def test_a_chat_is_continued(budwood, vendor):
    """
    -c continues the last conversation with its model and system prompt. --no-save keeps none.
    """
    budwood("chat", "-m", "local/large", "-s", "Be kind.", stdin="One\n")
    budwood("chat", "--no-save", stdin="Secret\n")
    run = budwood("chat", "-c", stdin="Two\n")

    assert (run.returncode, run.stderr) == (0, "")
    assert vendor.requests[-1]["model"] == "large"
    assert contents(vendor.requests[-1]) == ["Be kind.", "One", "Hello there.", "Two"]


def test_a_loaded_chat_is_another_conversation(budwood, vendor):
    """
    /load does not overwrite the stored conversation.
    """
    budwood("chat", stdin="One\n/save! one.json\n")
    budwood("chat", stdin="Two\n/load one.json\n")
    budwood("chat", "-c", stdin="Three\n")

    assert contents(vendor.requests[-1]) == ["Two", "Hello there.", "Three"]


def test_continue_and_load_exclude_each_other(budwood, vendor):
    """
    Both name a conversation.
    """
    run = budwood("chat", "-c", "--load", "talk.json", stdin="One\n")

    assert (run.returncode, vendor.requests) == (2, [])
    assert run.stderr.startswith("error: -c and --load both name a conversation.")


def test_a_piped_chat_imports_no_line_editor(budwood, vendor):
    """
    Libraries for terminals take time to import.
    """
    run = budwood("chat", stdin="One\n", PYTHONPROFILEIMPORTTIME="1")

    assert run.stdout == "Hello there.\n"
    assert not [name for name in ("prompt_toolkit", "markdown_it", "rich.live") if name in run.stderr]


def test_history_is_shown(budwood, vendor):
    """
    /history shows both roles.
    """
    run = budwood("chat", stdin="One\n/history\n")

    assert run.stderr == "user: One\nassistant: Hello there.\n"


def test_an_error_ends_a_piped_chat(budwood, vendor):
    """
    The next line may depend on the missing reply, so it is not sent. The exit status is that of the error.
    """
    vendor.status = 500

    run = budwood("chat", stdin="One\nTwo\n")

    assert (run.returncode, vendor.prompts) == (6, ["One"])


def test_a_line_that_is_not_utf8_is_rejected(started, vendor):
    """
    It is a usage error, as for `ask`, and the line is not sent.
    """
    process = started("chat")

    output, errors = process.communicate(b"One\nc\xe9dille\nTwo\n")

    assert (process.returncode, output) == (2, b"Hello there.\n")
    assert errors.startswith(b"error: The line is not valid UTF-8.\nhint: Convert it with `iconv")
    assert vendor.prompts == ["One"]


def test_an_invalid_chat_file_ends_with_3(budwood, vendor, tmp_path):
    """
    --load says what is wrong with the file.
    """
    (tmp_path / "talk.json").write_text(json.dumps({"format": "else", "messages": []}))

    run = budwood("chat", "--load", "talk.json", stdin="One\n")

    assert run.returncode == 3
    assert run.stderr.startswith("error: talk.json has the format 'else'")


def test_an_unusable_model_is_reported_before_the_first_turn(budwood):
    """
    The error is raised before the user types a question.
    """
    run = budwood("chat", "-m", "nobody/tiny", stdin="")

    assert run.returncode == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_an_interrupt_stops_only_the_reply(started, interrupt, vendor):
    """
    After Ctrl-C during a reply, the next line is answered. What came is part of the history.
    """
    vendor.gate = threading.Event()
    process = started("chat")
    process.stdin.write(b"One\n")
    process.stdin.flush()
    assert process.stdout.read(5) == b"Hello"

    assert interrupt(process, process.stderr) == b"(stopped; /retry sends the message again)\n"
    vendor.gate.set()
    output, _ = process.communicate(b"Two\n")

    assert (process.returncode, output) == (0, b"\nHello there.\n")
    assert contents(vendor.requests[-1]) == ["One", "Hello", "Two"]


def test_a_loaded_chat_names_its_model_and_the_files_that_are_dropped(budwood, vendor, tmp_path):
    """
    Files that wait for the next message belong to the conversation before.
    """
    (tmp_path / "note.txt").write_text("A note.")
    budwood("chat", "-m", "local/large", "-s", "Be kind.", stdin="One\n/save talk.json\n")
    run = budwood("chat", stdin="/file note.txt\n/load talk.json\n/file\n")

    assert run.stderr.splitlines() == [
        "loaded: talk.json (2 messages)",
        "model: local/large, system: Be kind.",
        "no longer attached: note.txt",
        "No file is attached.",
    ]


def test_the_file_of_a_chat_is_replaced_unless_another_program_changed_it(tmp_path):
    """
    Then /save asks, as for any other file.
    """
    file, other = tmp_path / "talk.json", tmp_path / "other.json"
    session = SimpleNamespace(save=lambda path: path.write_text("{}"))
    chat = Conversation(None, session, {}, None, None)
    other.write_text("{}")
    chat.save(file)

    assert chat.can_replace(file)
    assert not chat.can_replace(other)
    file.write_text("{ }")
    assert not chat.can_replace(file)


def test_an_empty_reply_is_said(budwood, vendor):
    """
    Otherwise it looks as if the chat had not answered.
    """
    vendor.words = [""]
    run = budwood("chat", stdin="One\n")

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "note: the reply is empty.\n")
