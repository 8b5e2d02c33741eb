from __future__ import annotations

import json
import sys
import threading

import pytest

ROOTSTOCK = "A shoot is grafted onto a rootstock."
PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

pytestmark = pytest.mark.one_python


def test_only_the_text_goes_to_standard_output(budwood):
    """
    Standard output is the text of the model, ended by a newline. Standard error is empty.
    """
    run = budwood("ask", "-m", "offline/extractive", "What is grafted onto a rootstock?", stdin=ROOTSTOCK)

    assert (run.returncode, run.stdout, run.stderr) == (0, f"{ROOTSTOCK}\n", "")


def test_standard_input_is_the_prompt(budwood, vendor):
    """
    Without an argument, the prompt is read from the pipe.
    """
    assert budwood("ask", stdin="Why is the sky blue?\n").returncode == 0

    assert vendor.prompts == ["Why is the sky blue?"]


@pytest.mark.parametrize("command", ["ask", "run"])
def test_standard_input_comes_before_the_argument(budwood, vendor, command):
    """
    The instruction follows the text that it is about. `run` is the same command as `ask`.
    """
    run = budwood(command, "Summarise it.", stdin="Long text – with an ä.\n")

    assert (run.returncode, run.stdout) == (0, "Hello there.\n")
    assert vendor.prompts == ["Long text – with an ä.\n\nSummarise it."]


def test_a_dash_is_standard_input(budwood, vendor):
    """
    As the prompt, it is the text of the pipe.
    """
    assert budwood("ask", "-", stdin="Why?\n").returncode == 0

    assert vendor.prompts == ["Why?"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ([], "", "No prompt given: standard input is empty."),
        (["-"], "\n", "No prompt given: standard input is empty."),
        ([""], "", "The prompt is empty."),
    ],
)
def test_a_missing_prompt_is_a_usage_error(budwood, vendor, arguments, stdin, message):
    """
    The message says whether standard input was read.
    """
    run = budwood("ask", *arguments, stdin=stdin)

    assert (run.returncode, run.stdout, vendor.requests) == (2, "", [])
    assert run.stderr.startswith(f"error: {message}\nhint: ")


def test_options_reach_the_vendor(budwood, vendor, tmp_path):
    """
    The request contains the model, system prompt, files, temperature and max_tokens.
    """
    (tmp_path / "note.txt").write_text("The note.")

    budwood("ask", "Hi", "-m", "local/large", "-s", "Be brief.", "-f", "note.txt", "-t", "0.5", "--max-tokens", "7")

    (request,) = vendor.requests
    assert request["model"] == "large"
    assert request["messages"][0] == {"role": "system", "content": "Be brief."}
    assert "The note." in json.dumps(request["messages"][1])
    assert (request["temperature"], request["max_tokens"]) == (0.5, 7)


def test_budget_without_room_sends_nothing(budwood, vendor, tmp_path):
    """
    With --budget, a request that could cost more is not sent; the exit status is 5.
    """
    prices = '[models."local/*"]\nprices = { input = "1", output = "1" }\n'
    (tmp_path / "budwood.toml").write_text(prices)

    run = budwood("ask", "Hi", "--budget", "0.0001")
    paid = budwood("ask", "Hi", "--budget", "0.05")

    assert (run.returncode, run.stdout) == (5, "")
    assert "left of $0.0001" in run.stderr
    assert (paid.returncode, len(vendor.requests)) == (0, 1)


def test_json_is_one_object(budwood, vendor):
    """
    With --json, the output is one JSON object on one line.
    """
    run = budwood("ask", "--json", "Hi")

    assert run.stdout.count("\n") == 1
    reply = json.loads(run.stdout)
    assert (reply["text"], reply["model"], reply["provider"]) == ("Hello there.", "tiny-1", "local")
    assert (reply["finish_reason"], reply["request_id"], reply["cost"]) == ("stop", "req-7", None)
    assert (reply["usage"]["input_tokens"], reply["usage"]["output_tokens"]) == (5, 3)
    assert [attempt["status"] for attempt in reply["attempts"]] == [200]


def test_text_is_written_as_it_arrives(started, vendor):
    """
    The first word is written before the vendor sends the second.
    """
    vendor.gate = threading.Event()
    process = started("ask", "Hi")
    process.stdin.close()

    assert process.stdout.read(5) == b"Hello"
    vendor.gate.set()
    assert process.stdout.read().decode().splitlines() == [" there."]


def test_restart_of_a_stream_is_noted(budwood, vendor):
    """
    What was written before is void: the reply starts on a line of its own, and standard error says so.
    """
    vendor.interruptions = 1

    run = budwood("ask", "Hi", BUDWOOD_OPTIONS__RETRIES="1", BUDWOOD_OPTIONS__ON_STREAM_FAILURE="restart")

    assert (run.returncode, run.stdout) == (0, "Hello\nHello there.\n")
    assert run.stderr.startswith("note: the reply starts again, and the text above is void: ")


def test_no_stream_requests_a_complete_reply(budwood, vendor):
    """
    With --no-stream, the request does not have `stream`.
    """
    run = budwood("ask", "--no-stream", "Hi")

    assert run.stdout == "Hello there.\n"
    assert "stream" not in vendor.requests[0]


def test_a_schema_produces_json(budwood, vendor, tmp_path):
    """
    With --schema, standard output is the value that satisfies it.
    """
    (tmp_path / "person.json").write_text(json.dumps(PERSON))
    vendor.words = ['```json\n{"name": "Ada"}\n```']

    run = budwood("ask", "--schema", "person.json", "Who?")

    assert json.loads(run.stdout) == {"name": "Ada"}


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_an_invalid_schema_is_a_usage_error(budwood, vendor, tmp_path, content):
    """
    A missing file, invalid JSON, and JSON that is not an object end with status 2, before a request is sent.
    """
    if content is not None:
        (tmp_path / "schema.json").write_text(content)

    run = budwood("ask", "--schema", "schema.json", "Who?")

    assert (run.returncode, vendor.requests) == (2, [])
    assert run.stderr.startswith("error: Invalid value for --schema: schema.json")


def test_a_truncated_reply_is_noted(budwood, vendor):
    """
    Standard error says that max_tokens was reached. The status is 0.
    """
    vendor.finish_reason = "length"

    run = budwood("ask", "Hi")

    assert (run.returncode, run.stdout) == (0, "Hello there.\n")
    assert run.stderr == "note: the reply reached the token limit and was truncated.\n"


def test_a_pipe_receives_the_text_unchanged(started, vendor):
    """
    Control characters are escaped only at a terminal.
    """
    vendor.words = ["\x1b[31mred\x1b[0m", "\r\n", "\x9b\u202e"]
    process = started("ask", "Hi")

    output, _ = process.communicate()

    assert output.decode().startswith("\x1b[31mred\x1b[0m\r")
    assert "\x9b\u202e" in output.decode()


def test_a_closed_pipe_ends_quietly(started, vendor):
    """
    If the reader closes the pipe, the command ends with status 0 and no message.
    """
    vendor.gate = threading.Event()
    process = started("ask", "Hi")
    process.stdin.close()
    process.stdout.read(5)

    process.stdout.close()
    vendor.gate.set()

    assert (process.wait(), process.stderr.read()) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_an_interrupt_ends_with_130(started, interrupt, vendor):
    """
    Ctrl-C during a reply ends the command, without a traceback.
    """
    vendor.gate = threading.Event()
    process = started("ask", "Hi")
    process.stdin.close()
    process.stdout.read(5)

    assert interrupt(process, process.stderr) == b""
    assert process.wait() == 130


def test_a_prompt_that_is_not_utf8_is_rejected(started, vendor):
    """
    It is a usage error, and the hint says how to send a file.
    """
    process = started("ask")

    _, errors = process.communicate(b"\xff\xfe\x00")

    assert process.returncode == 2
    assert b"hint: To send an image, use --file." in errors
    assert vendor.requests == []


def test_one_address_seed_and_timeout_hold_for_a_call(budwood, vendor):
    """
    --base-url replaces the address of the provider, --seed reaches the vendor, and --timeout limits the call.
    """
    run = budwood(
        *("ask", "Hi", "--base-url", vendor.url, "--seed", "7", "--timeout", "50"),
        BUDWOOD_PROVIDERS__LOCAL__BASE_URL="http://127.0.0.1:9/v1",
    )

    assert (run.returncode, run.stdout) == (0, "Hello there.\n")
    assert vendor.requests[0]["seed"] == 7


def test_a_timeout_ends_with_6(budwood, vendor):
    """
    The option is that of the client.
    """
    vendor.gate = threading.Event()

    run = budwood("ask", "Hi", "--no-stream", "--timeout", "0.3")

    assert run.returncode == 6
    assert "hint: Raise --timeout (or BUDWOOD_OPTIONS__TIMEOUT)" in run.stderr
