"""The forms of a reply of ``budwood ask``, and its files."""

from __future__ import annotations

import json
import sys
import threading

import pytest

from budwood_cli.reply_outputs import format_value

PEOPLE = '[{"name": "Ada", "age": 36}, {"name": "Alan", "age": 41}]'

pytestmark = pytest.mark.one_python


def test_json_lines_are_events_and_then_the_reply(budwood, vendor):
    """
    Each line is an object with a type. The last is what --json prints.
    """
    run = budwood("ask", "--jsonl", "Hi")

    *events, reply = map(json.loads, run.stdout.splitlines())
    assert [event["text"] for event in events if event["type"] == "text_delta"] == ["Hello", " there", "."]
    assert {"type": "finished", "reason": "stop", "raw": "stop"} in events
    assert (reply["type"], reply["text"], reply["request_id"]) == ("reply", "Hello there.", "req-7")
    assert reply.keys() - {"type"} == json.loads(budwood("ask", "--json", "Hi").stdout).keys()


def test_json_lines_are_written_as_they_arrive(started, vendor):
    """
    The first words are written before the vendor sends the next ones.
    """
    vendor.gate = threading.Event()
    process = started("ask", "--format", "jsonl", "Hi")
    process.stdin.close()

    lines = iter(process.stdout.readline, b"")
    assert next(line for line in map(json.loads, lines) if line["type"] == "text_delta")["text"] == "Hello"
    vendor.gate.set()
    assert json.loads(list(lines)[-1])["text"] == "Hello there."


def test_a_stream_that_breaks_has_no_last_line(budwood, vendor):
    """
    The error is on standard error, and the status is that of the error.
    """
    vendor.interruptions = 1

    run = budwood("ask", "--jsonl", "Hi")

    assert run.returncode == 6
    assert [json.loads(line)["type"] for line in run.stdout.splitlines()][-1] == "text_delta"


def test_format_json_is_the_same_as_json(budwood, vendor):
    """
    Both print one document.
    """
    documents = [json.loads(budwood("ask", *form, "Hi").stdout) for form in (["--json"], ["--format", "json"])]

    assert documents[0].keys() == documents[1].keys()


@pytest.mark.parametrize(
    ("form", "reply", "output"),
    [
        ([], PEOPLE, '[{"name": "Ada", "age": 36}, {"name": "Alan", "age": 41}]\n'),
        (["--format", "table"], PEOPLE, "name  age\nAda   36\nAlan  41\n"),
        (["--format", "plain"], PEOPLE, "Ada\t36\nAlan\t41\n"),
        (["--format", "table"], "[]", "name  age\n"),
    ],
)
def test_a_value_has_several_forms(budwood, vendor, form, reply, output):
    """
    By default it is JSON. A table has a row for each object; plain text has no titles, and tabs between fields.
    """
    vendor.words = [reply]

    assert budwood("ask", "Who?", "--schema", "[name, age int]", *form).stdout == output


@pytest.mark.parametrize(
    ("value", "table", "plain"),
    [
        ("A\ttext", "value\nA text\n", "A\ttext\n"),
        ([1, [2], None, "a\nb"], "value\n1\n[2]\n\na b\n", "1\n[2]\n\na b\n"),
        ({"name": "Ada", "age": 36}, "field  value\nname   Ada\nage    36\n", "name\tAda\nage\t36\n"),
        ({"people": [{"a": 1}, {"b": True}]}, "a  b\n1\n   true\n", "1\t\n\ttrue\n"),
        ({"people": []}, "field   value\npeople  []\n", "people\t[]\n"),
        (7, "value\n7\n", "7\n"),
    ],
)
def test_values_of_all_kinds_have_rows(value, table, plain):
    """
    An object has a row for each field, unless its only field is a list of objects.
    """
    assert format_value(value, "table") == table
    assert format_value(value, "plain") == plain


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ([], "Hello there.\n"),
        (["--format", "plain"], "Hello there.\n"),
        (["--json"], '{"text": "Hello there."'),
        (["--jsonl"], '{"type": "response_started"'),
    ],
)
def test_a_file_gets_what_would_be_printed(budwood, vendor, tmp_path, form, expected):
    """
    With -o, standard output is empty.
    """
    run = budwood("ask", "Hi", "-o", "reply.txt", *form)

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert (tmp_path / "reply.txt").read_text().startswith(expected)


def test_an_existing_file_is_only_replaced_by_force(budwood, vendor, tmp_path):
    """
    It is checked before anything is sent.
    """
    (tmp_path / "reply.txt").write_text("old")

    refused = budwood("ask", "Hi", "-o", "reply.txt")

    assert (refused.returncode, vendor.requests) == (2, [])
    assert "--force" in refused.stderr
    assert budwood("ask", "Hi", "-o", "reply.txt", "--force").returncode == 0
    assert (tmp_path / "reply.txt").read_text() == "Hello there.\n"


def test_a_failed_call_leaves_no_file(budwood, vendor, tmp_path):
    """
    A file is written once the reply is complete.
    """
    vendor.status = 500

    assert budwood("ask", "Hi", "-o", "reply.txt").returncode == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_output_can_be_standard_output(budwood, vendor):
    """
    As for the other commands, - is standard output.
    """
    assert budwood("ask", "Hi", "-o", "-").stdout == "Hello there.\n"


@pytest.mark.parametrize(
    "schema",
    [
        '{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}',
        "name, age int: in years",
        "name str\nage int: in years, or months",
        "people:Person",
    ],
)
def test_a_schema_can_be_written_in_several_ways(budwood, vendor, tmp_path, schema):
    """
    JSON, fields, and a type in a module of the current folder ask for the same value.
    """
    (tmp_path / "people.py").write_text(
        "from pydantic import BaseModel\n\nclass Person(BaseModel):\n    name: str\n    age: int\n"
    )
    vendor.words = ['{"name": "Ada", "age": 36}']

    run = budwood("ask", "Who?", "--schema", schema)

    assert (run.returncode, json.loads(run.stdout)) == (0, {"name": "Ada", "age": 36})
    assert '"age"' in json.dumps(vendor.requests[0])


def test_descriptions_of_fields_reach_the_vendor(budwood, vendor):
    """
    A description follows a colon.
    """
    vendor.words = ['{"name": "Ada", "tall": true}']

    budwood("ask", "Who?", "--schema", "name: in full, tall bool")

    sent = json.dumps(vendor.requests[0])
    assert '"description": "in full"' in sent
    assert '"boolean"' in sent


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("person", "is neither a file nor a schema"),
        ("name, age years", "the field age has the unknown type 'years'"),
        ("name, name", "names a field twice"),
        ("name, 9", "'9' is not a field"),
        ("people:Person", "the module people cannot be imported: ModuleNotFoundError"),
        ("json:Person", "the module json has no Person"),
        ("json:dumps", "schema= is of the type function"),
        ("{", "is not valid JSON"),
        ("people.json", "people.json: No such file"),
    ],
)
def test_a_wrong_schema_sends_nothing(budwood, vendor, schema, message):
    """
    The error says what is wrong.
    """
    run = budwood("ask", "Who?", "--schema", schema)

    assert (run.returncode in (2, 3), run.stdout, vendor.requests) == (True, "", [])
    assert message in run.stderr
    assert "\nhint: " in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permissions of this kind")
def test_a_new_file_has_usual_permissions(budwood, vendor, tmp_path):
    """
    Others may read it if they may read other files of the user. A file that is replaced keeps its permissions.
    """
    (tmp_path / "usual.txt").touch()
    (tmp_path / "own.txt").touch(mode=0o600)

    for name in ("reply.txt", "own.txt"):
        assert budwood("ask", "Hi", "-o", name, "--force").returncode == 0

    usual, new, own = ((tmp_path / f"{name}.txt").stat().st_mode for name in ("usual", "reply", "own"))
    assert (new, own & 0o777) == (usual, 0o600)
