"""Seeds with fields: files of them, and the placeholders that they fill."""

from __future__ import annotations

import json

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import OtherRunError, generate, load_spec, make_plan, resume
from budwood_generation.prompts import answer_request, next_instruction, value_request
from tests.datasets import OFFLINE, conversation_spec, read_rows

ROW = f"""
rows = 4
output = "data.jsonl"

[row]
model = "{OFFLINE}"
schema = {{ type = "object", properties = {{ topic = {{ type = "string" }} }}, required = ["topic"] }}
strategy = {{ plugin = "seed-list", seeds = {{ file = "NAME" }} }}
instruction = '''
Describe {{topic}}
at the level {{level}}.'''
"""
CSV = 'topic,level\ntea,easy\n"bridges, old",hard\n"{level} of ""water""",{topic}\n"two\nlines",{{\n'
RECORDS = [
    {"topic": "tea", "level": "easy"},
    {"topic": "bridges, old", "level": "hard"},
    {"topic": '{level} of "water"', "level": "{topic}"},
    {"topic": "two\nlines", "level": "{{"},
]


def write_spec(folder, text=ROW, name="seeds.csv", content=CSV):
    """
    Write a specification and its seeds, and return the path of the specification.
    """
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = folder / "spec.toml"
    path.write_text(text.replace("NAME", name), "utf-8")
    return path


def prompts_of(plan):
    """
    Return the last message of the first request of each row.
    """
    return [value_request(plan.spec, plan.spec.row, plan.plugins, cell).messages[-1].text for cell in plan.cells]


def plan_error(path):
    """
    Return the message and the hint of the error of planning.
    """
    with pytest.raises(ConfigurationError) as raised:
        make_plan(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("seeds.csv", CSV),
        ("seeds.csv", b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").replace("two\r\n", "two\n").encode()),
        ("seeds.csv", CSV.replace(",", ";").replace("bridges;", "bridges,")),
        ("seeds.TSV", CSV.replace(",", "\t").replace("bridges\t", "bridges,")),
        ("seeds.jsonl", "\n".join(map(json.dumps, RECORDS)) + "\n\n"),
    ],
    ids=["csv", "windows", "semicolons", "tsv", "jsonl"],
)
def test_columns_fill_placeholders(tmp_path, name, content):
    """
    Each record fills the placeholders of one row. Its values are inserted as they are, also if they have braces.
    """
    plan = make_plan(write_spec(tmp_path, name=name, content=content))

    expected = [f"Describe {one['topic']}\nat the level {one['level']}." for one in RECORDS]
    assert sorted(prompts_of(plan)) == sorted(expected)
    assert sorted((cell.material for cell in plan.cells), key=str) == sorted(RECORDS, key=str)


def test_seeds_may_be_tables(tmp_path):
    """
    Values that are not texts are inserted as JSON. Rows have the fields as their material.
    """
    seeds = 'seeds = [{ topic = "tea", level = 3 }, { topic = "wine", level = 4.5 }]'
    plan = make_plan(write_spec(tmp_path, ROW.replace('seeds = { file = "NAME" }', seeds)))

    assert min(prompts_of(plan)) == "Describe tea\nat the level 3."
    assert {"topic": "wine", "level": 4.5} in [cell.material for cell in plan.cells]


def test_all_texts_have_placeholders(tmp_path):
    """
    System messages, the first question, requests to the asker, personas and modifiers are filled.
    """
    (tmp_path / "a.md").write_text("Tea is green. It is old.\n")
    seeds = [{"who": "cooks", "tone": "curt"}]
    job = {
        "answerer": OFFLINE,
        "system": "Be {tone} {{}}.",
        "strategy": {
            "plugin": "persona",
            "personas": ["one of the {who}"],
            "request": "Ask as {persona}, {tone}.",
            "seeds": seeds,
        },
        "modifiers": [{"plugin": "document-context", "request": "Help {who}."}, "persona"],
    }
    plan = make_plan(
        {"rows": 1, "output": "x.jsonl", "documents": {"paths": ["*.md"]}, "conversation": job, "root": tmp_path}
    )
    (cell,) = plan.cells
    ask = next_instruction(plan.spec, plan.plugins, cell, ()).ask
    system = answer_request(plan.spec.conversation, plan.plugins, cell, (), "Why?").messages[0].text

    assert ask[0].text.startswith("You are one of the cooks.")
    assert ask[1].text.endswith("Ask as one of the cooks, curt. Write the question alone.")
    assert system.startswith("Be curt {}.\n\nHelp cooks.\n\n<passage>")
    assert system.endswith("You speak with one of the cooks. Answer so that it helps this person.")


def test_a_question_may_have_placeholders(tmp_path):
    """
    Rows contain the filled question and the filled system message.
    """
    seeds = {"plugin": "seed-list", "seeds": [{"topic": "tea"}], "question": "What is {topic}?"}
    job = {"answerer": OFFLINE, "system": "You know {topic}.", "strategy": seeds}
    generate({"rows": 1, "output": "x.jsonl", "conversation": job, "root": tmp_path})

    (row,) = read_rows(tmp_path / "x.jsonl")
    assert [message["content"] for message in row["messages"]][:2] == ["You know tea.", "What is tea?"]
    assert row["material"] == {"topic": "tea"}


def test_the_asker_sees_a_record(tmp_path):
    """
    Without a question, the asker writes it. It sees all fields if its request has no placeholder.
    """
    job = {"answerer": OFFLINE, "strategy": {"plugin": "seed-list", "seeds": [{"topic": "tea", "age": None}]}}
    plan = make_plan({"rows": 1, "output": "x.jsonl", "conversation": job, "root": tmp_path})
    (cell,) = plan.cells

    (_, request) = next_instruction(plan.spec, plan.plugins, cell, ()).ask

    assert request.text == (
        "<subject>\ntopic: tea\nage: null\n</subject>\n\nAsk one question about the subject. Write the question alone."
    )


def test_a_text_follows_the_instruction_or_fills_it(tmp_path):
    """
    Seeds that are texts are inserted at `{seed}`; without this placeholder, they follow the instruction.
    """
    follows = ROW.replace("Describe {topic}\nat the level {level}.", "Who is this?")
    filled = ROW.replace("Describe {topic}\nat the level {level}.", "Who is {seed}?")
    contents = {"name": "seeds.txt", "content": "Ada\n"}

    assert prompts_of(make_plan(write_spec(tmp_path, follows, **contents)))[0] == "\nWho is this?\n\nAda".lstrip()
    assert prompts_of(make_plan(write_spec(tmp_path, filled, **contents)))[0] == "Who is Ada?"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("{level}", "{levl}"), "spec.toml, line 11: row.instruction: unknown placeholder {levl}. Did you mean level?"),
        (
            ("{topic}", "{a b}"),
            "spec.toml, line 10: row.instruction: unknown placeholder {a b}. The fields are topic, ",
        ),
        (('" } }\n', '" }, question = "{x}" }\n'), "spec.toml, line 8: row.strategy.question: unknown placeholder {x}"),
        (("[row]\n", '[row]\nsystem = "{Topic}"\n'), "spec.toml, line 6: row.system: unknown placeholder {Topic}."),
        (("[row]\n", '[row]\nsystem = "a { b"\n'), "'row.system': line 6: the brace at '{ b' is not part of"),
        (("{level}", "{{level"), "the brace at '}"),
        (
            ('" } }\n', '" }, question = "{" }\n'),
            "spec.toml, line 8: row.strategy: 'question': the brace at '{' is not",
        ),
    ],
)
def test_an_unknown_placeholder_is_an_error(tmp_path, change, expected):
    """
    The error has the file, the line and the key, and says how to write a literal brace.
    """
    text = ROW.replace(*change)
    if expected.startswith("the brace"):
        text = ROW.replace("{level}", "level}")

    error = plan_error(write_spec(tmp_path, text))

    assert expected in error
    assert "For a literal brace, write {{ or }}" in error


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("s.csv", "a,b\n1,2\n\n3\n", "spec.toml: s.csv, line 4 has 1 fields instead of 2."),
        ("s.csv", "a,a\n1,2\n", "s.csv, line 1: the name 'a' is used twice."),
        ("s.csv", "a,\n1,2\n", "s.csv, line 1: field 2 has no name."),
        ("s.csv", "\n", "s.csv, line 1 must have the names of the fields."),
        ("s.csv", 'a,b\n"1"x,2\n', "s.csv, line 2: "),
        ("s.csv", "a,b\n", "spec.toml: s.csv has no values. Write the names of the fields in the first line"),
        ("s.txt", "\n \n", "spec.toml: s.txt has no values. Write one value per line."),
        ("s.jsonl", '{"a": 1}\n\n{"a": 1, "b": 2}\n', "s.jsonl, line 3: the field 'b' is missing in line 1."),
        ("s.jsonl", '{"a": 1, "b": 2}\n{"a": 1}\n', "s.jsonl, line 2: the field 'b' is missing, which line 1 has."),
        ("s.jsonl", '{"a": 1}\n"b"\n', "s.jsonl, line 2: texts and tables are mixed; line 1 has a table."),
        ("s.jsonl", '{"a": 1}\n[1]\n', "s.jsonl, line 2: expected a text or a table, got list."),
        ("s.jsonl", '{"a": 1}\n{"a": \n', "s.jsonl, line 2 is not valid JSON: EOF while parsing a value at column"),
        ("s.jsonl", '""\n', "s.jsonl, line 1: the text is empty."),
        ("s.jsonl", "{}\n", "s.jsonl, line 1: the table is empty."),
        ("s.json", "[]", "Write one JSON value per line, in a .jsonl file."),
        ("s.csv", b"\xff\n", "is not UTF-8"),
    ],
)
def test_errors_in_files_have_the_line(tmp_path, name, content, expected):
    """
    The error names the file with the seeds and the line.
    """
    assert expected in plan_error(write_spec(tmp_path, name=name, content=content))


def test_the_content_of_files_is_not_saved(tmp_path):
    """
    The header of a run has the name of the file, and a hash of the seeds. Another content is another run.
    """
    path = write_spec(tmp_path, content="topic,level\n" + "secret tea,easy\n" * 200)
    header = make_plan(path).header()
    write_spec(tmp_path, content="topic,level\n" + "secret wine,easy\n" * 200)

    assert header.spec["row"]["strategy"]["seeds"] == {"file": "seeds.csv"}
    assert "secret tea" not in repr(header)
    assert make_plan(path).header().identity != header.identity


def test_a_run_with_seeds_resumes(tmp_path):
    """
    The seeds are read from their file again. If it has changed, the run is not continued.
    """
    path = write_spec(tmp_path)
    report = generate(path)
    output = report.output.read_bytes()

    assert report.rows == 4
    assert resume(report.output).rows_reused == 4
    assert report.output.read_bytes() == output
    (tmp_path / "seeds.csv").write_text(CSV.replace("easy", "simple"))
    with pytest.raises(OtherRunError, match="seeds"):
        resume(report.output)


def test_a_specification_may_name_files_in_python(tmp_path):
    """
    The plan reads them, relative to the root.
    """
    spec = load_spec(write_spec(tmp_path))
    strategy = spec.row.strategy.model_copy(update={"seeds": {"file": "seeds.csv"}})

    plan = make_plan(spec.model_copy(update={"row": spec.row.model_copy(update={"strategy": strategy})}))

    assert list(plan.cells) == list(make_plan(spec).cells)


def test_unused_fields_are_reported(tmp_path):
    """
    Seeds whose fields no text uses have no effect.
    """
    text = ROW.replace("Describe {topic}\nat the level {level}.", "Describe something.")

    assert make_plan(write_spec(tmp_path, text)).plugins.unused_fields == ("topic", "level")
    assert make_plan(write_spec(tmp_path)).plugins.unused_fields == ()


@pytest.mark.parametrize(
    ("strategy", "fields"),
    [
        ({"plugin": "document-questions", "seeds": ["German"]}, ("seed",)),
        ({"plugin": "document-questions", "seeds": ["German"], "request": "Ask in {seed}."}, ()),
        ({"plugin": "persona", "seeds": ["German"]}, ("seed",)),
        ({"plugin": "seed-list", "seeds": ["What is tea?"]}, ()),
    ],
)
def test_unused_texts_are_reported(tmp_path, strategy, fields):
    """
    Only the strategy for lists of seeds uses them without a placeholder. The plan has a note.
    """
    plan = make_plan(conversation_spec(tmp_path, job={"strategy": strategy}))

    assert plan.plugins.unused_fields == fields
    assert any("such as {seed}" in warning for warning in plan.warnings) == bool(fields)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"plugin": "persona", "personas": ["a {job}"]}, "'personas': unknown placeholder {job}. Seeds with fields"),
        (
            {"plugin": "persona", "personas": ["a {job}"], "seeds": [{"work": "x"}]},
            "'personas': unknown placeholder {job}. The fields are work.",
        ),
        ({"plugin": "persona", "seeds": [{"persona": "x"}]}, "'seeds': a field cannot be named 'persona'."),
        ({"plugin": "persona", "personas": [" "]}, "the text is empty"),
        ({"plugin": "seed-list", "seeds": ["x"], "question": ""}, "'question': the text is empty."),
        ({"plugin": "seed-list", "seeds": [" "]}, "'seeds': item 1: the text is empty."),
    ],
)
def test_texts_of_strategies_are_checked(tmp_path, strategy, expected):
    """
    Errors name the key of the specification.
    """
    with pytest.raises(ConfigurationError) as raised:
        make_plan(conversation_spec(tmp_path, job={"strategy": strategy}))

    assert "conversation.strategy: " in str(raised.value)
    assert expected in str(raised.value)
