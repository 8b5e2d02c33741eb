"""``budwood prompts``."""

from __future__ import annotations

import json

import pytest

from budwood_cli.program import run
from tests.plugins.prompts.test_prompt import GREETING


@pytest.fixture
def prompts(tmp_path, monkeypatch, capsys):
    """
    Run a command in a folder with a prompt; return its status, output and messages.
    """
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "greeting.toml").write_text(GREETING, "utf-8")

    def run_command(*arguments):
        status = run(["prompts", *arguments])
        return status, *capsys.readouterr()

    return run_command


def test_prompts_are_listed(prompts):
    """
    With their variables, as a table or as JSON.
    """
    status, output, _ = prompts("list")

    assert (status, output.splitlines()[1].split()) == (0, ["greeting", "name,", "topics", "Greets", "somebody."])
    assert [prompt["name"] for prompt in json.loads(prompts("list", "--json")[1])] == ["greeting"]


def test_prompt_is_shown(prompts):
    """
    It is the TOML of its file.
    """
    assert "Greet {{ name }}.\n" in prompts("show", "greeting")[1]


def test_prompt_is_rendered(prompts):
    """
    Values are read in the types of the variables.
    """
    status, output, _ = prompts("test", "greeting", "--var", "name=Ada", "--var", 'topics=["tea", 2]')

    assert (status, output) == (0, "system:\nBe brief.\nuser:\nGreet Ada.\n1. tea\n2. 2\n")


def test_prompt_is_sent_to_a_model(prompts):
    """
    The reply is printed.
    """
    status, output, _ = prompts("test", "greeting", "--var", "name=Ada", "-m", "offline/extractive")

    assert status == 0
    assert output


def test_all_prompts_are_checked(prompts, tmp_path):
    """
    Without a name, every file must be valid.
    """
    assert prompts("test")[0::2] == (0, "1 prompt: valid\n")
    (tmp_path / "prompts" / "bad.toml").write_text("messages = 1")
    assert prompts("test")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("greeting",), "needs the variable 'name'"),
        (("greeting", "--var", "name"), "is not NAME=VALUE"),
        (("greeting", "--var", "name=Ada", "--var", "topics=tea"), "is not a list"),
        (("other",), "no prompt 'other'"),
        (("--var", "name=Ada"), "need a prompt"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message, prompts):
    """
    The error says what is wrong, with the status of wrong usage.
    """
    status, _, error = prompts("test", *arguments)

    assert (status, message in error) == (2, True)
