from __future__ import annotations

import subprocess
import sys

import pytest

from budwood_cli.program import run
from budwood_cli.reply_outputs import format_value
from budwood_cli.reply_schemas import list_columns, read_schema
from tests.plugins.cli.conftest import COMMAND

pytestmark = pytest.mark.one_python

_ITEMS = '{"type": "array", "items": {"$ref": "#/$defs/Person"}}'
_PERSON = '{"properties": {"name": {}, "age": {}}}'
_PEOPLE = f'{{"type": "object", "properties": {{"people": {_ITEMS}}}, "$defs": {{"Person": {_PERSON}}}}}'


@pytest.fixture
def refused(monkeypatch, capsys):
    """
    Run a command that must fail as used wrongly, and return what it says.
    """
    monkeypatch.setattr(sys, "stdin", None)

    def refuse(*arguments, status=2):
        assert run(arguments) == status
        return capsys.readouterr().err

    return refuse


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("ask", "--timeout", "inf"), "--timeout"),
        (("ask", "--timeout", "0"), "--timeout"),
        (("ask", "--budget", "0"), "--budget"),
        (("ask", "--budget", "nan"), "--budget"),
        (("ask", "-t", "nan"), "--temperature"),
        (("ask", "-t", "-1"), "--temperature"),
        (("count", "--timeout", "nan"), "--timeout"),
        (("video", "--seconds", "inf"), "--seconds"),
        (("speak", "--speed", "nan"), "--speed"),
        (("telemetry", "view", "--slower-than", "nan"), "--slower-than"),
        (("plugins", "doctor", "--timeout", "inf"), "--timeout"),
    ],
)
def test_wrong_numbers_are_errors_of_usage(refused, arguments, name):
    """
    The error names the option as it is written, and the hint an example.
    """
    said = refused(*arguments)

    assert said.startswith(f"error: {name} must be a finite number ")
    assert f"hint: Write {name} 1.5, for example, or leave it out.\n" in said


def test_a_wrong_schema_is_an_error_of_usage(refused):
    """
    The client finds the fault, and the error names the option.
    """
    said = refused("ask", "Hello", "-m", "offline/extractive", "--schema", '{"type": "nonsense"}')

    assert said.startswith("error: --schema: The JSON schema is not valid at $.type: ")
    assert "\nhint: " in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "Hello", "--schema", ""),
        ("ask", "Hello", "-o", ""),
        ("ask", "Hello", "--output="),
        ("ask", "Hello", "-m", ""),
        ("chat", "--load", ""),
        ("runs", "export", "run", "--to", ""),
    ],
)
def test_empty_values_of_options_are_refused(refused, arguments):
    """
    They come from variables of a shell that are not set. An empty path would be the current folder.
    """
    name = arguments[-1].removesuffix("=") or arguments[-2]

    assert refused(*arguments).startswith(f"error: The value of {name} is empty.\nhint: Pass a value")


def test_empty_texts_are_values(vendor, monkeypatch, capsys):
    """
    An empty system prompt is none.
    """
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["ask", "Hello", "-s", ""]) == 0
    assert capsys.readouterr().out == "Hello there.\n"


def test_the_nearest_option_is_named(refused):
    """
    Only the most similar one, although others are similar too.
    """
    assert refused("ask", "--modle", "x").startswith("error: No such option: --modle. Did you mean --model?\n")


@pytest.mark.parametrize(
    ("command", "output"), [("ask", ()), ("count", ()), ("image", ("-o", "a.png")), ("speak", ("-o", "a.wav"))]
)
def test_a_text_without_quotes_is_explained(refused, command, output):
    """
    The shell splits it into several arguments.
    """
    assert f'hint: Quote a text of several words: `budwood {command} "…"`. ' in refused(
        command, *output, "What", "is", "this"
    )


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("offline", "`budwood models list offline` lists the models of offline."),
        ("offline/", "`budwood models list offline` lists the models of offline."),
        ("gpt-4o", "Did you mean openai/gpt-4o"),
        ("nothing", "Available providers: "),
    ],
)
def test_a_model_without_its_provider_is_explained(refused, model, hint):
    """
    The hint follows from what the text is: a provider, a known model, or neither.
    """
    assert f"\nhint: {hint}" in refused("ask", "Hello", "-m", model, status=3)


def test_models_list_needs_a_provider(refused):
    """
    What is missing is a provider, not a model.
    """
    assert refused("models", "list", status=3).startswith("error: No provider given.\nhint: Name a provider: ")


@pytest.mark.parametrize("command", ["ask", "count"])
def test_files_can_be_the_whole_prompt(vendor, tmp_path, monkeypatch, capsys, command):
    """
    No empty text is sent beside them.
    """
    monkeypatch.setattr(sys, "stdin", None)
    (tmp_path / "note.txt").write_text("alpha")
    arguments = ["-f", str(tmp_path / "note.txt")] + (["--offline"] if command == "count" else [])

    assert run([command, *arguments]) == 0
    assert capsys.readouterr().out
    if command == "ask":
        content = vendor.requests[0]["messages"][0]["content"]
        assert "alpha" in str(content)
        assert not [part for part in content if part == {"type": "text", "text": ""}]


def test_an_empty_prompt_beside_files_is_an_error(refused, tmp_path):
    """
    It was meant to be a text.
    """
    (tmp_path / "note.txt").write_text("alpha")

    assert refused("ask", "", "-f", str(tmp_path / "note.txt")).startswith("error: The prompt is empty.")


@pytest.mark.skipif(sys.platform == "win32", reason="the shell closes standard output")
@pytest.mark.parametrize("arguments", ["ask Hello", "--version", "plugins list"])
def test_a_closed_standard_output_is_an_error(vendor, arguments):
    """
    The result would be lost. A model is not asked.
    """
    command = " ".join((*COMMAND, *arguments.split()))
    done = subprocess.run(
        f"exec {command} >&-", shell=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )

    assert (done.returncode, vendor.requests) == (1, [])
    assert done.stderr.startswith("error: Standard output is closed.\nhint: ")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("[name, age int]", []),
        (_PEOPLE, {"people": []}),
    ],
)
def test_the_table_of_an_empty_list_has_its_columns(schema, value):
    """
    They are those of the schema.
    """
    assert format_value(value, "table", list_columns(read_schema(schema))) == "name  age\n"


def test_columns_of_a_type():
    """
    The fields of a type are columns if it is a list of objects.
    """
    from pydantic import create_model

    person = create_model("Person", name=(str, ...), age=(int, ...))

    assert list_columns(list[person]) == ["name", "age"]
    assert list_columns(person) == []
    assert list_columns(list[int]) == []


def test_stored_keys_are_listed_without_settings(budwood):
    """
    A provider is known also if all there is of it is a stored key.
    """
    budwood("tokens", "add", "--provider", "openai", "--token", "-", "--store", "file", stdin="sk-" + "a" * 40)
    listed = budwood("keys", "list")

    assert (listed.returncode, listed.stderr) == (0, "")
    assert "openai" in listed.stdout
