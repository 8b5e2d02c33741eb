from __future__ import annotations

import json
import sys
import threading

import pytest


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
    assert run.stderr == "Be brief.\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/help", "/save FILE"),
        ("/history", ""),
        ("/save", "error: /save needs the name of a file."),
        ("/nonsense", "error: unknown command /nonsense"),
    ],
)
def test_commands_are_not_sent_to_the_model(budwood, vendor, line, expected):
    """
    Lines that start with a slash are answered locally, on standard error, also if the command is unknown.
    """
    run = budwood("chat", stdin=f"{line}\n")

    assert (run.returncode, run.stdout, vendor.requests) == (0, "", [])
    assert run.stderr.startswith(expected)


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
    After Ctrl-C during a reply, the next line is answered. The stopped turn is not part of the history.
    """
    vendor.gate = threading.Event()
    process = started("chat")
    process.stdin.write(b"One\n")
    process.stdin.flush()
    assert process.stdout.read(5) == b"Hello"

    assert interrupt(process, process.stderr) == b"(stopped)\n"
    vendor.gate.set()
    output, _ = process.communicate(b"Two\n")

    assert (process.returncode, output) == (0, b"\nHello there.\n")
    assert contents(vendor.requests[-1]) == ["Two"]


def test_a_chat_at_a_terminal(terminal, vendor):
    """
    There is a prompt. Ctrl-C stops a reply or discards the current line, and Ctrl-D leaves.
    """
    vendor.gate = threading.Event()
    screen = terminal("chat")
    screen.wait_for("> ")
    screen.type("One\n")
    screen.wait_for("Hello")
    screen.interrupt()
    screen.wait_for("(stopped)")
    screen.wait_for("> ")
    vendor.gate.set()
    screen.type("half a li")
    screen.wait_for("half a li")
    screen.interrupt()
    screen.wait_for("> ")
    screen.type("Two\n")
    screen.wait_for("Hello there.")
    screen.wait_for("> ")
    screen.type("\x04")

    assert screen.end() == 0
    assert contents(vendor.requests[-1]) == ["Two"]


def test_an_error_does_not_end_a_chat_at_a_terminal(terminal, vendor):
    """
    The error is printed, and the same question can be sent again.
    """
    vendor.status = 500
    screen = terminal("chat")
    screen.wait_for("> ")
    screen.type("One\n")
    screen.wait_for("error: local: ")
    screen.wait_for("> ")
    vendor.status = 200
    screen.type("One\n")
    screen.wait_for("Hello there.")
    screen.wait_for("> ")
    screen.type("/quit\n")

    assert screen.end() == 0
    assert contents(vendor.requests[-1]) == ["One"]
