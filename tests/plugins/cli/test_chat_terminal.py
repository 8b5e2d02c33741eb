from __future__ import annotations

import signal
import stat
import threading

import pytest

from budwood_cli.chats.editor import open_history
from tests.plugins.cli.test_chat import contents

pytestmark = pytest.mark.one_python

PASTED = "\n".join(f"line {number}" for number in range(1, 51))


def test_a_chat_at_a_terminal(emulator, vendor):
    """
    There is a welcome and a prompt. Messages are answered, and Ctrl-D leaves.
    """
    screen = emulator("chat")
    screen.ask("One", "Hello there.")
    screen.ask("Two", "Hello there.")
    screen.wait_for_prompt()
    screen.type("\x04")

    assert screen.end() == 0
    assert screen.text.startswith("/help lists the commands; Ctrl-D leaves.\n> One\nHello there.\n> Two")
    assert contents(vendor.requests[-1]) == ["One", "Hello there.", "Two"]


def test_quit_leaves(emulator, vendor):
    """
    /quit ends the chat with the status 0.
    """
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.type("/quit\n")

    assert screen.end() == 0


def test_a_pasted_text_is_one_message(emulator, vendor):
    """
    Its lines are sent together, when Enter is pressed after it. The text may be longer than the screen.
    """
    screen = emulator("chat", lines=20)
    screen.wait_for_prompt()
    screen.paste(PASTED)
    screen.wait_for("line 50")
    assert vendor.requests == []
    screen.type("\n")
    screen.wait_for("Hello there.")

    assert vendor.prompts == [PASTED]


def test_a_pasted_text_may_begin_with_a_slash(emulator, vendor):
    """
    A path is not a command.
    """
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.paste("/usr/bin/env: No such file\nWhat does that mean?")
    screen.ask_typed("\n", "Hello there.")

    assert vendor.prompts == ["/usr/bin/env: No such file\nWhat does that mean?"]


@pytest.mark.parametrize("key", ["\x1b\r", "\\\r"], ids=["Alt-Enter", "backslash"])
def test_a_message_can_have_several_lines(emulator, vendor, key):
    """
    Alt-Enter, and Enter after a backslash, begin a new line.
    """
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.type("One")
    screen.type_raw(key)
    screen.type("two")
    screen.wait_for("two")
    screen.ask_typed("\n", "Hello there.")

    assert vendor.prompts == ["One\ntwo"]


def test_interrupts_at_the_prompt(emulator, vendor):
    """
    Ctrl-C discards what was typed. At an empty prompt it says how to leave.
    """
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.type("half a li")
    screen.wait_for("half a li")
    screen.type("\x03")
    screen.wait_for_prompt()
    assert "Ctrl-D or /quit leaves." not in screen.text
    screen.type("\x03")
    screen.wait_for("Ctrl-D or /quit leaves.")
    screen.ask("One", "Hello there.")

    assert vendor.prompts == ["One"]


def test_an_interrupt_keeps_what_came(emulator, vendor):
    """
    Ctrl-C during a reply ends it. The part that came is in the history, marked, and goes with the next message.
    """
    vendor.gate = threading.Event()
    screen = emulator("chat")
    screen.ask("One", "Hello")
    screen.interrupt("(stopped; /retry sends the message again)")
    vendor.gate.set()
    screen.ask("/history", "assistant (stopped): Hello")
    screen.ask("Two", "Hello there.")

    assert contents(vendor.requests[-1]) == ["One", "Hello", "Two"]


def test_a_stopped_message_can_be_sent_again(emulator, vendor):
    """
    After Ctrl-C, /retry replaces the partial reply.
    """
    vendor.gate = threading.Event()
    screen = emulator("chat")
    screen.ask("One", "Hello")
    screen.interrupt("(stopped")
    vendor.gate.set()
    screen.ask("/retry", "Hello there.")
    screen.ask("/history", "assistant: Hello there.")

    assert [contents(request) for request in vendor.requests] == [["One"], ["One"]]
    assert "assistant (stopped)" not in screen.text


def test_an_interrupt_before_the_first_text(emulator, vendor):
    """
    A message without any reply is not in the history; /retry sends it.
    """
    vendor.words = ["", "Hello there."]
    vendor.gate = threading.Event()
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.type("One\n")
    vendor.arrived.acquire()
    screen.wait_for("…")
    screen.interrupt("(stopped")
    vendor.gate.set()
    screen.ask("Two", "Hello there.")
    assert contents(vendor.requests[-1]) == ["Two"]


def test_what_is_typed_during_a_reply_is_the_next_message(emulator, vendor):
    """
    It is not drawn into the reply, and not lost.
    """
    vendor.gate = threading.Event()
    screen = emulator("chat")
    screen.ask("One", "Hello")
    screen.type("Two\n")
    vendor.gate.set()
    screen.wait_for("Hello there.", 2)
    screen.wait_for_prompt()

    assert vendor.prompts == ["One", "Two"]
    assert "> One\nHello there.\n> Two\nHello there.\n" in screen.text


def test_an_error_does_not_end_the_chat(emulator, vendor):
    """
    The error is printed, and /retry sends the message again.
    """
    vendor.status = 500
    screen = emulator("chat")
    screen.ask("One", "error: local: ")
    screen.wait_for_prompt()
    vendor.status = 200
    screen.ask("/retry", "Hello there.")

    assert contents(vendor.requests[-1]) == ["One"]


def test_an_interrupted_stream_keeps_what_came(emulator, vendor):
    """
    If the vendor ends a stream early, the error is printed, and the part is in the history.
    """
    vendor.interruptions = 1
    screen = emulator("chat")
    screen.ask("One", "error: local: ")
    screen.ask("/history", "assistant (stopped): Hello")


def test_a_failed_retry_keeps_the_reply(emulator, vendor):
    """
    The reply that was to be replaced stays in the history.
    """
    screen = emulator("chat")
    screen.ask("One", "Hello there.")
    screen.wait_for_prompt()
    vendor.status = 500
    screen.ask("/retry", "error: local: ")
    screen.ask("/history", "assistant: Hello there.")


def test_undo_at_a_terminal(emulator, vendor):
    """
    /undo names the message that it removes. The next request does not contain it.
    """
    screen = emulator("chat")
    screen.ask("One", "Hello there.")
    screen.ask("Two", "Hello there.")
    screen.ask("/undo", "removed: Two")
    screen.ask("Three", "Hello there.")
    screen.ask("/undo", "removed: Three")
    screen.ask("/undo", "removed: One")
    screen.ask("/undo", "error: There is no message to undo.")

    assert contents(vendor.requests[-1]) == ["One", "Hello there.", "Three"]


def test_save_asks_before_it_replaces_a_file(emulator, vendor, tmp_path):
    """
    The answer decides. A file that the chat has saved is replaced without a question.
    """
    (tmp_path / "talk.json").write_text("mine")
    screen = emulator("chat")
    screen.ask("One", "Hello there.")
    screen.ask("/save talk.json", "talk.json exists. Replace it? [y/N]")
    screen.type("\n")
    screen.wait_for("not saved")
    assert (tmp_path / "talk.json").read_text() == "mine"
    screen.ask("/save talk.json", "talk.json exists. Replace it? [y/N]")
    screen.type("y\n")
    screen.wait_for("saved: talk.json")
    assert "Hello there." in (tmp_path / "talk.json").read_text()
    screen.ask("/save talk.json", "saved: talk.json")


def test_an_interrupt_at_a_question_does_not_end_the_chat(emulator, vendor, tmp_path):
    """
    Ctrl-C there means no.
    """
    (tmp_path / "talk.json").write_text("mine")
    screen = emulator("chat")
    screen.ask("/save talk.json", "talk.json exists. Replace it? [y/N]")
    screen.type("\x03")
    screen.ask("One", "Hello there.")

    assert (tmp_path / "talk.json").read_text() == "mine"


def test_a_mistyped_command_is_not_sent(emulator, vendor):
    """
    The error names a near match.
    """
    screen = emulator("chat")
    screen.ask("/sve talk.json", "Did you mean /save?")
    screen.ask("/modle", "Did you mean /model?")
    screen.wait_for_prompt()

    assert vendor.requests == []


def test_the_history_is_kept_and_searched(emulator, vendor, tmp_path):
    """
    Ctrl-R finds messages of earlier chats. Only the owner can read the file.
    """
    screen = emulator("chat")
    screen.ask("What is grafted?", "Hello there.")
    screen.ask("Something else", "Hello there.")
    screen.wait_for_prompt()
    screen.type("\x04")
    screen.end()

    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.type("\x12graft")
    screen.wait_for("What is grafted?")
    screen.type("\n")
    screen.type("\n")
    screen.wait_for("Hello there.")

    assert vendor.prompts[-1] == "What is grafted?"
    (file,) = (tmp_path / "home").rglob("chat_history")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_history_survives_several_lines(emulator, vendor):
    """
    The up arrow brings back a pasted text with all of its lines.
    """
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.paste("One\ntwo")
    screen.ask_typed("\n", "Hello there.")
    screen.wait_for_prompt()
    screen.type("\x10")  # Ctrl-P
    screen.wait_for("two", 2)
    screen.ask_typed("\n", "Hello there.")

    assert vendor.prompts == ["One\ntwo", "One\ntwo"]


def test_a_history_that_cannot_be_written_is_noted(emulator, vendor, tmp_path):
    """
    The chat works without it.
    """
    (tmp_path / "file").touch()
    screen = emulator("chat", XDG_STATE_HOME=str(tmp_path / "file"))
    screen.wait_for("note: the history is not kept")
    screen.ask("One", "Hello there.")


def test_a_long_history_loses_its_older_half(tmp_path):
    """
    The file does not grow without limit.
    """
    file = tmp_path / "chat_history"
    file.write_bytes(b"".join(b"\n# 2026-01-01\n+%09d\n" % number for number in range(60_000)))
    open_history(file)

    content = file.read_text()
    assert content.startswith("\n# 2026-01-01\n+")
    assert content.endswith("+000059999\n")
    assert 400_000 < len(content) <= 500_000


def test_replies_can_be_written_to_a_file(emulator, vendor, tmp_path):
    """
    Only replies go to standard output, as they are; the prompt goes to the terminal.
    """
    vendor.words = ["**Hello** ", "there."]
    screen = emulator("chat", output=tmp_path / "replies.txt")
    screen.wait_for_prompt()
    screen.type("One\n")
    screen.wait_for(">", 2)
    screen.wait_for_prompt()
    screen.type("/quit\n")

    assert screen.end() == 0
    assert (tmp_path / "replies.txt").read_text() == "**Hello** there.\n"


def test_commands_and_paths_are_completed(emulator, vendor, tmp_path):
    """
    Tab completes commands, and the paths of commands that take one.
    """
    (tmp_path / "passage.txt").write_text("A shoot is grafted.")
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.type("/fi\t")
    screen.wait_for("/file")
    screen.type(" pass\t")
    screen.wait_for("/file passage.txt")
    screen.type("\n")
    screen.wait_for("with the next message: passage.txt")
    screen.ask("Summarise it.", "Hello there.")
    screen.ask("Again.", "Hello there.")

    assert "A shoot is grafted." in str(vendor.requests[0])
    assert contents(vendor.requests[1])[-1] == "Again."


def test_models_are_completed(emulator, vendor):
    """
    Tab completes providers, also from the settings, and models of the catalog.
    """
    screen = emulator("chat")
    screen.wait_for_prompt()
    screen.type("/model openai/gpt-4o-mini-tr\t")
    screen.wait_for("/model openai/gpt-4o-mini-transcribe")
    screen.type("\x03")
    screen.wait_for_prompt()
    screen.type("/model loca\t")
    screen.wait_for("/model local/")
    screen.type("large\n")
    screen.wait_for("model: local/large")
    screen.ask("One", "Hello there.")

    assert vendor.requests[-1]["model"] == "large"


def test_tokens_and_cost_after_each_turn(emulator, vendor):
    """
    They are shown if the vendor reports them; /cost sums them up.
    """
    screen = emulator("chat")
    screen.ask("One", "Hello there.")
    screen.wait_for_prompt()
    assert "tokens" not in screen.text
    vendor.usage = {"prompt_tokens": 1500, "completion_tokens": 3, "total_tokens": 1503, "cost": 0.00125}
    screen.ask("Two", "1,500 tokens in, 3 out; $0.001250")
    screen.ask("/cost", "2 replies\ntokens: 1,500 in, 3 out (unknown for 1)\ncost: $0.001250 (unknown for 1)")


@pytest.mark.parametrize("columns", [20, 40])
def test_a_narrow_terminal(emulator, vendor, columns):
    """
    Long messages and replies are wrapped, and nothing is lost.
    """
    vendor.words = ["Some words ", "that are wrapped."]
    screen = emulator("chat", columns=columns, lines=10)
    screen.wait_until(lambda screen: screen.text.endswith(">"), "a prompt")
    screen.type("a message that is longer than the terminal is wide\n")
    screen.wait_until(lambda screen: "Some words that are wrapped." in " ".join(screen.text.split()), "the reply")

    assert vendor.prompts == ["a message that is longer than the terminal is wide"]


def test_a_dumb_terminal(emulator, vendor):
    """
    Without a cursor that can move, lines are read and replies are written as they are.
    """
    vendor.words = ["**Hello** ", "there."]
    screen = emulator("chat", TERM="dumb")
    screen.ask("One \\\ntwo", "**Hello** there.")
    screen.wait_for_prompt()
    screen.type("\x04")

    assert screen.end() == 0
    assert vendor.prompts == ["One \ntwo"]
    assert b"\x1b" not in screen.raw


def test_plain_shows_replies_as_they_are(emulator, vendor):
    """
    --plain renders no Markdown.
    """
    vendor.words = ["**Hello** ", "there."]
    screen = emulator("chat", "--plain")
    screen.ask("One", "**Hello** there.")


def test_hostile_text_is_harmless(emulator, vendor):
    """
    Escape sequences of a model are shown, and have no effect.
    """
    vendor.words = ["\x1b]0;owned\x07", "\x1b[2J", "[a](javascript:x) ", "\u202ereverse", " \x9b31m end"]
    screen = emulator("chat")
    screen.ask("One", "end")

    assert r"\u001b]0;owned\u0007\u001b[2J" in screen.text
    assert b"\x1b]0;" not in screen.raw
    assert "\u202e".encode() not in screen.raw


def test_a_chat_is_interrupted_by_a_signal(emulator, vendor):
    """
    SIGINT of another process is the same as Ctrl-C.
    """
    vendor.gate = threading.Event()
    screen = emulator("chat")
    screen.ask("One", "Hello")
    screen.process.kill(signal.SIGINT)
    screen.wait_for("(stopped")
    screen.wait_for_prompt()
