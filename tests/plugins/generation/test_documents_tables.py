from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_generation.documents.tables import read_csv, read_jsonl


def csv_texts(text: str, separator: str | None = None) -> list[str]:
    """Read a table, and return the texts of its records."""
    return [record.text for record in read_csv(text, separator=separator).records]


def jsonl_texts(text: str) -> list[str]:
    """Read JSON lines, and return the texts of the records."""
    return [record.text for record in read_jsonl(text).records]


def test_a_row_is_a_record_with_the_names_of_its_columns():
    """
    Empty fields are omitted, and quoted fields can contain separators, quotes and line breaks.
    """
    text = 'name,notes,degrees\nGreen tea,"steamed, then ""rolled""\nand dried", 80 \n\nBlack tea,,\n'

    assert csv_texts(text) == [
        'name: Green tea\nnotes: steamed, then "rolled"\nand dried\ndegrees: 80',
        "name: Black tea",
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_first_line(separator):
    """
    Spreadsheets use others than a comma in some countries.
    """
    rows = [["name", "degrees, Celsius" if separator == ";" else "degrees"], ["Green tea", "80"]]

    assert csv_texts("\n".join(map(separator.join, rows))) == [f"name: Green tea\n{rows[0][1]}: 80"]


def test_a_table_with_one_column_has_no_separator():
    """
    Commas are part of the text then.
    """
    assert csv_texts('text\nTea, green.\n"Tea, ""black""."\n') == ["text: Tea, green.", 'text: Tea, "black".']


def test_a_field_can_have_any_length():
    """
    The limit of the csv module, which belongs to the process, does not change.
    """
    limit = csv.field_size_limit()
    table = read_csv(f"a,b\n1,{'x' * (limit + 1)}\n2,y\n")

    assert [len(record.text) for record in table.records] == [limit + 9, 9]
    assert (table.problems, csv.field_size_limit()) == ([], limit)


def test_the_first_line_may_have_no_names():
    """
    A row of empty fields is not skipped there, since the next one would name the columns; elsewhere it is.
    """
    table = read_csv(",\n1,2\n,,,\n3,4\n")

    assert [record.text for record in table.records] == ["column 1: 1\ncolumn 2: 2", "column 1: 3\ncolumn 2: 4"]
    assert table.problems == []


def test_tabs_separate_the_fields_of_tsv():
    """
    Commas in the first line do not matter.
    """
    assert csv_texts("a,b,c\td\n1\t2", "\t") == ["a,b,c: 1\nd: 2"]


def test_a_column_without_a_name_has_a_number():
    """
    Its fields are not lost.
    """
    assert csv_texts("a,,c\n1,2,3") == ["a: 1\ncolumn 2: 2\nc: 3"]


def test_rows_that_do_not_fit_are_reported_with_their_line():
    """
    The line is that where the row starts, and the other rows are read.
    """
    table = read_csv('a,b\n1,2\n3\n"5\n6",7\n8,9,10\n"x"y,1\n11,12\n')

    assert [record.text for record in table.records] == ["a: 1\nb: 2", "a: 5\n6\nb: 7", "a: 11\nb: 12"]
    assert table.problems == [
        "Line 3 was skipped: it has 1 fields instead of 2.",
        "Line 6 was skipped: it has 3 fields instead of 2.",
        "Line 7 was skipped: ',' expected after '\"'.",
    ]


def test_an_unclosed_quote_is_reported_where_it_starts():
    """
    What follows it is not a record.
    """
    table = read_csv('a,b\n1,2\n"3,4\n5,6\n')

    assert [record.text for record in table.records] == ["a: 1\nb: 2"]
    assert table.problems == ["Line 3 was skipped: unexpected end of data."]


def test_many_broken_lines_are_counted():
    """
    The first five are listed.
    """
    table = read_csv("a,b\n" + "1\n" * 1000)

    assert len(table.problems) == 6
    assert table.problems[-1] == "995 more lines were skipped."


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n", "a,b\n,\n"])
def test_a_table_without_values_has_no_records(text):
    """
    It is not an error.
    """
    assert read_csv(text).records == read_csv(text).problems == []


def test_a_line_of_json_is_a_record():
    """
    Texts are as they are, other values as JSON; nulls are omitted.
    """
    text = '{"name": "Tea", "degrees": 80, "tags": ["a", {"b": true}], "none": null, "blank": " "}\n\n{"x": "\\u00e9"}'

    assert jsonl_texts(text) == ['name: Tea\ndegrees: 80\ntags: ["a",{"b":true}]', "x: \u00e9"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"a": ', "Line 2 was skipped: it is not valid JSON: EOF while parsing a value at column 6"),
        ('{"a": "\\ud800"}', "Line 2 was skipped: it is not valid JSON: "),
        ("[" * 100_000, "Line 2 was skipped: it is not valid JSON: "),
        ("[1]", "Line 2 was skipped: it is not a JSON object."),
        ('"text"', "Line 2 was skipped: it is not a JSON object."),
    ],
    ids=["truncated", "surrogate", "deep", "array", "text"],
)
def test_a_line_that_is_no_object_is_reported(line, problem):
    """
    The other lines are read.
    """
    table = read_jsonl(f'{{"a": 1}}\n{line}\n{{"a": 2}}\n')

    assert [record.text for record in table.records] == ["a: 1", "a: 2"]
    assert len(table.problems) == 1
    assert table.problems[0].startswith(problem)


@given(st.text(alphabet='ab,;"\n\t|{}[]: \\\x00'))
def test_any_text_can_be_read(text):
    """
    Records have text, and problems have a line.
    """
    for table in (read_csv(text), read_csv(text, separator="\t"), read_jsonl(text)):
        assert all(record.text.strip() for record in table.records)
        assert all(problem.startswith("Line ") or "more lines" in problem for problem in table.problems)
