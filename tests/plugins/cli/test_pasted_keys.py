"""API keys in a wrong place of the command line are not shown."""

from __future__ import annotations

import pytest

from budwood_cli.pasted_keys import hide_keys
from budwood_cli.program import run

pytestmark = pytest.mark.one_python

KEY = "sk-secret-ABCDEFGHIJKLM"
RANDOM_KEY = "0123456789abcdefABCDEF0123456789"


@pytest.mark.parametrize(
    "arguments",
    [
        "KEY",
        "--KEY",
        "ask -m KEY hi",
        "ask -m openai/x --api-key KEY hi",
        "ask -m openai/x --api-key=KEY hi",
        "ask -m openai/x -O api_key KEY hi",
        "ask -m openai/x -O api_key=KEY hi",
        "ask -m openai/x -O KEY 1 hi",
        "ask -m openai/x -O timeout KEY hi",
        "ask -m openai/x --extra KEY hi",
        "ask -m openai/x --timeout KEY hi",
        "ask -m openai/x --base-url KEY hi",
        "ask -m openai/x --base-url http://KEY@127.0.0.1:9/v1 hi",
        "ask -m openai/x --base-url http://127.0.0.1:9/v1?key=KEY hi",
        "chat -m KEY",
        "config get KEY",
        "config set KEY",
        "config set KEY 1",
        "config set model KEY",
        "config set openai.api_key KEY",
        "config set providers.openai.api_key=KEY",
        "config unset KEY",
        "keys list KEY",
        "models list KEY",
        "models show KEY",
        "setup KEY --non-interactive",
        "setup --provider KEY --non-interactive",
        "setup --provider openai --base-url KEY --token KEY --non-interactive",
        "setup --provider openai --store KEY",
        "tokens KEY",
        "tokens add KEY",
        "tokens add --provider KEY",
        "tokens add --provider openai --token KEY --store KEY",
        "tokens rm --provider openai --label KEY",
        "tokens list KEY",
    ],
)
@pytest.mark.parametrize("is_json", [False, True])
def test_key_in_a_wrong_place_is_not_shown(capsys, tmp_path, monkeypatch, arguments, is_json):
    """
    Errors quote arguments, but not those that look like keys.
    """
    monkeypatch.chdir(tmp_path)
    run([*arguments.replace("KEY", KEY).split(), *(["--json"] if is_json else [])])
    shown = "".join(capsys.readouterr()).lower()

    assert KEY[3:].lower() not in shown


@pytest.mark.parametrize("arguments", ["KEY", "tokens add KEY", "setup --provider KEY --non-interactive"])
def test_key_without_a_prefix_is_not_shown(capsys, arguments):
    """
    Keys of some vendors are only letters and digits.
    """
    run(arguments.replace("KEY", RANDOM_KEY).split())

    assert RANDOM_KEY.lower() not in "".join(capsys.readouterr()).lower()


@pytest.mark.parametrize(
    "text", ["task-list.jsonl", "hf_dataset_of_texts", "No such command 'asks'.", "disk-space-is-low"]
)
def test_other_words_stay(text):
    """
    Only what looks like a key is hidden.
    """
    assert hide_keys(text, also_random=True) == text
