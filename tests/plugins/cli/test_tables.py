from __future__ import annotations

import json
import re

import pytest

from budwood_cli import terminal as output

TABLES = [
    ["plugins", "list"],
    ["models", "list", "offline"],
    ["keys", "list", "local"],
    ["endpoints", "local"],
    ["tokens", "list"],
    ["jobs", "list"],
    ["runs", "list"],
]


@pytest.mark.parametrize("command", TABLES, ids=" ".join)
def test_format_json_is_json(budwood, vendor, command):
    """
    It prints the same as --json.
    """
    run = budwood(*command, "--format", "json")

    assert run.returncode == 0
    assert json.loads(run.stdout) == json.loads(budwood(*command, "--json").stdout)


def test_format_plain_is_for_cut_and_awk(budwood):
    """
    Cells are separated by tabs, and there are no titles.
    """
    lines = budwood("plugins", "list", "--format", "plain").stdout.splitlines()

    assert ["provider", "offline", "budwood-offline"] in [line.split("\t")[:3] for line in lines]
    assert {line.count("\t") for line in lines} == {4}


def test_an_unknown_format_is_a_usage_error(budwood):
    """
    The error names the formats.
    """
    run = budwood("plugins", "list", "--format", "yaml")

    assert run.returncode == 2
    assert all(name in run.stderr for name in ("json", "table", "plain"))


@pytest.mark.parametrize("command", [["plugins", "list"], ["endpoints", "local"]], ids=" ".join)
def test_a_table_fits_a_narrow_terminal(terminal, vendor, command):
    """
    At 60 columns long cells are cut, and no line wraps.
    """
    screen = terminal(*command, COLUMNS="60")

    assert screen.end() == 0
    assert max(map(len, screen.shown.splitlines())) <= 60


def test_the_widest_columns_are_cut_first(monkeypatch):
    """
    Short cells stay whole.
    """
    monkeypatch.setattr(output, "is_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", "30")

    table = output.format_table(("kind", "name"), [("provider", "a" * 40), ("cache", "b")])

    assert [line.rstrip() for line in table.splitlines()] == [
        "kind      name",
        f"provider  {'a' * 19}…",
        "cache     b",
    ]
    assert not re.search(" $", table, re.MULTILINE)
