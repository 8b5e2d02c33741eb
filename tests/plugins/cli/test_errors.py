from __future__ import annotations

import json
import socket

import pytest

from budwood import errors
from budwood_cli.errors import STATUSES, ArgumentError, NoModelError, PartialError, code_of, report, status_of

EXPECTED = {
    1: "BudwoodError CacheMissError UnsupportedError StructuredOutputError ToolLoopError",
    2: "PromptError",
    3: "ConfigurationError PluginError PluginNotFoundError PluginConflictError PluginLoadError PluginInvalidError "
    "PluginIncompatibleError PluginDisabledError PluginFaultError",
    4: "CredentialError AuthenticationError PermissionDeniedError",
    5: "BudgetExceededError RateLimitError QuotaExhaustedError",
    6: "ProviderError NotFoundError InvalidRequestError UnsupportedParameterError ContextLengthError "
    "ContentFilterError CapacityError ServerError ConnectionFailedError RequestTimeoutError BadResponseError "
    "ResponseTooLargeError StreamInterruptedError JobFailedError BatchItemError",
}

pytestmark = pytest.mark.one_python


def test_every_error_has_an_exit_status():
    """
    The classes of errors are mapped as documented.
    """
    kinds = {
        kind.__name__: kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.BudwoodError)
    }

    found = {}
    for name, kind in kinds.items():
        error = kind.__new__(kind)
        error.status = 404  # a vendor has replied
        found[name] = status_of(error)

    assert found == {name: status for status, names in EXPECTED.items() for name in names.split()}
    assert status_of(PartialError("Rows are missing.")) == 7
    assert set(STATUSES) <= set(kinds.values())


CODES = {
    "BudwoodError": "budwood",
    "CredentialError": "no_credentials",
    "AuthenticationError": "authentication",
    "RateLimitError": "rate_limited",
    "QuotaExhaustedError": "quota_exhausted",
    "RequestTimeoutError": "timeout",
    "ConnectionFailedError": "connection_failed",
    "ServerError": "server_error",
    "NotFoundError": "not_found",
    "PluginNotFoundError": "plugin_not_found",
    "ConfigurationError": "configuration",
    "BudgetExceededError": "budget_exceeded",
}


def test_every_error_has_a_code():
    """
    It depends on the class alone, and is a word in lower case.
    """
    kinds = [vars(errors)[name] for names in EXPECTED.values() for name in names.split()]
    found = {kind.__name__: code_of(kind.__new__(kind)) for kind in kinds}

    assert {name: found[name] for name in CODES} == CODES
    assert len(set(found.values())) == len(found)
    assert all(code.replace("_", "").islower() for code in found.values())
    assert code_of(ArgumentError("Which one?")) == "usage"
    assert code_of(NoModelError("No model given.")) == "no_model"
    assert code_of(FileNotFoundError(2, "No such file")) == "system"
    assert code_of(ZeroDivisionError()) == "internal"


@pytest.mark.parametrize("switch", [["--json"], ["--jsonl"], ["--format", "json"], ["--format=json"]])
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--no-such-option"], {"code": "usage"}),
        (["-m", "nobody/tiny"], {"code": "plugin_not_found"}),
        ([], {"code": "rate_limited", "status": 429, "request_id": "req-7", "vendor_code": "slow_down"}),
    ],
)
def test_errors_are_json_if_the_output_is(budwood, vendor, switch, arguments, error):
    """
    They are one line on standard error, with a code, a message and a hint.
    """
    vendor.status, vendor.error = 429, {"message": "Slower.", "code": "slow_down"}

    run = budwood("ask", "Hi", *arguments, *switch)

    found = json.loads(run.stderr)["error"]
    assert (run.stdout, run.stderr.count("\n")) == ("", 1)
    assert found["message"]
    assert list(found)[:3] == ["code", "message", "hint"]
    assert found | error == found


def test_errors_of_an_unknown_command_are_json_too(budwood):
    """
    Also what no command reads is searched for --json.
    """
    run = budwood("nonsense", "--json")

    assert json.loads(run.stderr)["error"]["code"] == "unknown_command"


@pytest.mark.parametrize(
    ("environment", "arguments", "is_colored"),
    [
        ({"TERM": "xterm"}, [], True),
        ({"TERM": "dumb"}, [], False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, [], False),
        ({"TERM": "xterm"}, ["--no-color"], False),
        ({"TERM": "xterm", "FORCE_COLOR": "1"}, ["--no-color"], False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, [], True),
    ],
)
def test_labels_of_errors_have_colors_at_a_terminal(terminal, environment, arguments, is_colored):
    """
    The usual variables and --no-color decide.
    """
    screen = terminal(*arguments, "nonsense", **{"NO_COLOR": "", "FORCE_COLOR": ""} | environment)

    assert screen.end() == 2
    assert ("\x1b[1;31merror:" in screen.shown) is is_colored
    assert ("\x1b" in screen.shown) is is_colored


def test_a_pipe_has_colors_only_if_they_are_forced(budwood):
    """
    FORCE_COLOR is for pipes whose reader shows colours.
    """
    assert "\x1b" not in budwood("nonsense", NO_COLOR="", FORCE_COLOR="").stderr
    assert "\x1b" in budwood("nonsense", NO_COLOR="", FORCE_COLOR="1").stderr


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["ask", "--nonsense"], 2, "error: No such option"),
        (["ask"], 2, "error: No prompt given: standard input is empty."),
        (["ask", "Hi", "-t", "warm"], 2, "error: Invalid value for '-t' / '--temperature'"),
        (["ask", "Hi", "-f", "missing.txt"], 2, "error: Cannot read missing.txt: No such file or directory."),
        (["nonsense"], 2, "error: No such command 'nonsense'."),
        (["plugins"], 2, "Usage: budwood plugins"),
        ([], 2, "Usage: budwood"),
        (["ask", "Hi", "-m", "nobody/tiny"], 3, "error: No provider 'nobody' is installed"),
        (["ask", "Hi", "-m", "tiny"], 3, "error: Invalid model 'tiny'"),
        (["ask", "Hi", "-m", "offline/nonsense"], 3, "error: offline: The offline provider has no model 'nonsense'."),
        (["ask", "Hi", "-m", "openai/gpt-4o", "--base-url", "nonsense"], 2, "error: --base-url must start"),
        (["ask", "Hi", "-O", "temprature", "1"], 2, "error: -O: Unknown option 'temprature'."),
        (["ask", "Hi", "-O", "retries", "-5"], 2, "error: -O: options: 'retries': input should be greater"),
        (["ask", "Hi", "--extra", "{"], 2, "error: --extra is not JSON"),
        (["ask", "Hi", "--timeout", "0"], 2, "error: --timeout must be a finite number"),
        (["ask", "Hi", "--cache", "what"], 2, "error: --cache 'what' is not a mode."),
        (["ask", "Hi", "--format", "yaml"], 2, "error: --format 'yaml' is not known."),
        (
            ["ask", "Hi", "--format", "plain", "--jsonl"],
            2,
            '{"error": {',
        ),
        (["ask", "Hi", "--format", "table"], 2, "error: --format table needs a schema."),
        (["ask", "Hi", "-c"], 2, "error: There is no conversation to continue."),
        (["ask", "Hi", "--conversation", "7"], 2, "error: No conversation has an id that begins with '7'."),
        (["ask", "Hi", "-o", "nowhere/reply.txt"], 2, "error: The folder nowhere does not exist."),
        (["ask", "Hi", "-f", "-"], 2, "error: Standard input is empty, and - reads a file from it."),
        (["models", "list", "nobody"], 3, "error: No provider 'nobody' is installed"),
        (["ask", "Hi", "-m", "openai/gpt-4o"], 4, "error: openai: no API key."),
    ],
)
def test_errors_before_a_request(budwood, vendor, arguments, status, expected):
    """
    Invalid arguments end with 2, invalid settings with 3, and a missing key with 4. No request is sent.
    """
    run = budwood(*arguments)

    assert (run.returncode, run.stdout, vendor.requests) == (status, "", [])
    assert run.stderr.startswith(expected)


@pytest.mark.parametrize(
    ("answer", "error", "status"),
    [
        (401, {"message": "Who are you?"}, 4),
        (403, {"message": "Not you."}, 4),
        (404, {"message": "No such model."}, 6),
        (429, {"message": "Slower."}, 5),
        (429, {"message": "Pay.", "code": "insufficient_quota"}, 5),
        (500, {"message": "Sorry."}, 6),
        (503, {"message": "Too many."}, 6),
    ],
)
def test_errors_of_the_vendor(budwood, vendor, answer, error, status):
    """
    The vendor's message and the request id are printed, without a traceback.
    """
    vendor.status, vendor.error = answer, error

    run = budwood("ask", "Hi")

    assert (run.returncode, run.stdout) == (status, "")
    assert run.stderr.startswith("error: local: ")
    assert error["message"] in run.stderr
    assert "request: req-7\n" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", [["video", "Hi", "-o", "v.mp4"], ["batch", "submit", "prompts.txt"]])
def test_address_of_jobs_is_in_the_settings(budwood, command):
    """
    `budwood jobs` continues them, and has to find the server again.
    """
    run = budwood(*command, "--base-url", "http://localhost:1/v1")

    assert run.returncode == 2
    assert "`budwood config set providers.NAME.base_url URL`" in run.stderr


def test_no_connection_ends_with_6(budwood, vendor):
    """
    An unreachable server is a network error.
    """
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        run = budwood("ask", "Hi", BUDWOOD_PROVIDERS__LOCAL__BASE_URL=address)

    assert run.returncode == 6
    assert run.stderr.startswith("error: local: ")


def test_an_invalid_settings_file_ends_with_3(budwood, tmp_path):
    """
    The error names the file and the problem.
    """
    (tmp_path / "budwood.toml").write_text("model = ")

    run = budwood("ask", "Hi")

    assert run.returncode == 3
    assert "budwood.toml is not valid TOML" in run.stderr


def test_a_missing_model_is_explained_for_the_command_line(budwood):
    """
    The hint names -m and the settings.
    """
    run = budwood("ask", "Hi")

    assert run.returncode == 3
    assert run.stderr.startswith("error: No model given.\nhint: Run `budwood setup`, pass -m PROVIDER/MODEL")


@pytest.mark.parametrize(("flags", "environment"), [(["--debug"], {}), ([], {"BUDWOOD_DEBUG": "1"})])
def test_debug_prints_the_traceback(budwood, flags, environment):
    """
    The option and the variable add the traceback before the error.
    """
    run = budwood(*flags, "ask", "Hi", "-m", "openai/gpt-4o", **environment)

    assert run.returncode == 4
    assert run.stderr.startswith("Traceback (most recent call last):")
    assert "error: openai: no API key.\nhint: Set OPENAI_API_KEY" in run.stderr


def test_errors_escape_control_characters(budwood, vendor):
    """
    Control characters in the text of an error are visible.
    """
    run = budwood("ask", "Hi", "-f", "\x1b]0;mine\x07")

    assert run.stderr.startswith(r"error: Cannot read \u001b]0;mine\u0007: ")


def test_notes_are_no_hints(capsys):
    """
    What was added to an error is a note, on lines or as JSON. Its hint says what to do.
    """
    error = errors.BudwoodError("It failed.", hint="Try again.")
    error.add_note("Another attempt failed too.")

    report(error)
    report(error, as_json=True)

    lines, document = capsys.readouterr().err.split("{", 1)
    assert lines == "error: It failed.\nnote: Another attempt failed too.\nhint: Try again.\n"
    found = json.loads("{" + document)["error"]
    assert (found["hint"], found["notes"]) == ("Try again.", ["Another attempt failed too."])
