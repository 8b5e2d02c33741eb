from __future__ import annotations

import pytest

from budwood_cli.hints import to_chat, to_command_line


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (
            "Raise timeout=… if the model needs the time.",
            "Raise --timeout (or BUDWOOD_OPTIONS__TIMEOUT) if the model needs the time.",
        ),
        (
            'Leave them out, or pass on_unsupported="adapt".',
            "Leave them out, or set BUDWOOD_OPTIONS__ON_UNSUPPORTED=adapt.",
        ),
        ("Raise max_tokens=….", "Raise --max-tokens."),
        ('Pass model="PROVIDER/MODEL", or set `model`.', "Pass -m PROVIDER/MODEL, or set `model`."),
        (
            "Set X_API_KEY, or pass api_key=….",
            "Set X_API_KEY, or set `api_key` in the provider's section of budwood.toml.",
        ),
        ("Retry. The attribute `response` of the error holds the partial reply.", "Retry."),
        ("Add a key, or call client.reset_keys() once these can be used again.", "Add a key."),
        ("Call client.image(…), or choose a chat model.", "Run `budwood image`, or choose a chat model."),
        (
            'Pass lane="live" for ordinary calls.',
            "Run `budwood batch run --lane live` for ordinary calls.",
        ),
        ("Call client.embed(…).", "Call client.embed(…)."),
        ("A vendor's own parameters go into extra={…}.", "A vendor's own parameters go into --extra '{…}'."),
        ("Is the server running, and base_url right?", "Is the server running, and base_url right?"),
    ],
)
def test_arguments_become_options_variables_and_settings(hint, expected):
    """
    Other text is unchanged.
    """
    assert to_command_line(hint) == expected


def test_hints_of_errors_fit_the_command_line(budwood, vendor):
    """
    A hint for Python programs is converted.
    """
    run = budwood("ask", "-m", "openrouter/x", "Hi")

    assert run.returncode == 4
    assert "OPENROUTER_API_KEY" in run.stderr
    assert "=…" not in run.stderr
    assert "or set `api_key` in the provider's section of budwood.toml." in run.stderr


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("Retry.", "/retry sends the message again."),
        ("Retry later, or use another model.", "/retry sends the message again later, or use another model."),
        ("Retry in 30 s.", "/retry sends the message again in 30 s."),
        ("Check the file.", "Check the file."),
    ],
)
def test_hints_in_a_chat_name_its_commands(hint, expected):
    """
    A call is sent again by /retry.
    """
    assert to_chat(hint) == expected
