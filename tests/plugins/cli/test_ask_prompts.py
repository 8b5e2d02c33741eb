"""``budwood ask --prompt``: prompts by name."""

from __future__ import annotations

import pytest

GREETING = """
[variables.name]
[variables.topics]
type = "list"
default = []
[variables.count]
type = "number"
default = 1
[[messages]]
role = "system"
content = "Be polite."
[[messages]]
role = "user"
content = "Greet {{ name }} {{ count }} times{% for topic in topics %}, {{ topic }}{% endfor %}."
"""


@pytest.fixture
def prompts(tmp_path):
    """
    A folder with the prompt ``greeting``.
    """
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "greeting.toml").write_text(GREETING)


def list_texts(vendor):
    """
    Return the texts of the messages of the only request.
    """
    (request,) = vendor.requests
    return [message["content"] for message in request["messages"]]


@pytest.mark.parametrize("flags", [(), ("--no-stream",), ("--jsonl",), ("--json",)])
def test_a_stored_prompt_is_sent_with_its_values(budwood, vendor, prompts, flags):
    """
    In every form of output: texts as they are, lists and numbers as JSON.
    """
    values = ("--var", "name=Ada = 1", "--var", 'topics=["tea", "chess"]', "--var", "count:=2")

    run = budwood("ask", "--prompt", "greeting@production", *values, *flags)

    assert run.returncode == 0, run.stderr
    assert list_texts(vendor) == ["Be polite.", "Greet Ada = 1 2 times, tea, chess."]


def test_a_pipe_is_not_part_of_a_stored_prompt(budwood, vendor, prompts):
    """
    As it is empty in jobs without a terminal.
    """
    assert budwood("ask", "--prompt", "greeting", "--var", "name=[Ada", stdin="").returncode == 0
    assert list_texts(vendor)[1] == "Greet [Ada 1 times."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompt", "greeting"], "'name'"),
        (["--prompt", "greeting", "--var", "name=Ada", "--var", "nmae=x"], "nmae"),
        (["--prompt", "greeting", "--var", "name=Ada", "--var", "count=2"], "count"),
        (["--prompt", "greetin"], "greetin"),
        (["--prompt", "greeting", "--var", "name"], "--var 'name' is not NAME=VALUE."),
        (["--prompt", "greeting", "--var", "name:=Ada"], "--var name: 'Ada' is not JSON."),
        (["--prompt", "greeting", "--var", "name=a", "--var", "name=b"], "--var name is given twice."),
        (["Hi", "--prompt", "greeting"], "There are a prompt and --prompt."),
        (["Hi", "--var", "name=Ada"], "--var needs a stored prompt."),
    ],
)
def test_errors_name_what_is_wrong(budwood, vendor, prompts, arguments, message):
    """
    Nothing is sent.
    """
    run = budwood("ask", *arguments)

    assert run.returncode == 2
    assert message in run.stderr
    assert "hint: " in run.stderr
    assert vendor.requests == []
