"""Outputs are paths or URLs."""

from __future__ import annotations

import pytest

from budwood.errors import ConfigurationError
from budwood.plugins import Instances, Inventory, Registry, take_inventory
from budwood.settings import Settings
from budwood_generation.outputs import (
    choose_storage,
    dataset_name,
    is_url,
    locate_output,
    parse_output,
    run_folder,
    strip_credentials,
)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("s3://bucket/rows", True),
        ("postgresql+psycopg://host/db", True),
        ("sqlite:///rows.db", True),
        ("rows.jsonl", False),
        ("/data/rows.jsonl", False),
        ("C:\\data\\rows.jsonl", False),
        ("a:b//c.jsonl", False),
        ("://rows", False),
    ],
)
def test_a_url_has_a_scheme(output, expected):
    """
    Anything else is a path.
    """
    assert is_url(output) is expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("postgresql://alice:secret@host:5432/db", "postgresql://alice@host:5432/db"),
        ("postgresql://alice@host/db", "postgresql://alice@host/db"),
        ("postgresql://alice:se@cr:et@host/db", "postgresql://alice@host/db"),
        ("postgresql://alice:sec/ret@host/db", "postgresql://alice@host/db"),
        ("postgresql://alice:sec?ret@host/db?a=b#c", "postgresql://alice@host/db?a=b#c"),
        ("postgresql://alice:sec#ret@host/db", "postgresql://alice@host/db"),
        ("postgresql://:secret@host/db", "postgresql://@host/db"),
        ("postgresql://host/db?password=secret&sslmode=require", "postgresql://host/db?sslmode=require"),
        ("s3://bucket/x?region=eu&X-Amz-Signature=secret", "s3://bucket/x?region=eu"),
        ("s3://bucket/x?secret_access_key=secret", "s3://bucket/x"),
        ("http://host:9000/bucket/a@b", "http://host:9000/bucket/a@b"),
        ("s3://bucket/key@version:2", "s3://bucket/key@version:2"),
        ("sqlite:////data/rows.db", "sqlite:////data/rows.db"),
        ("sqlite:///rows.db?table=rows", "sqlite:///rows.db?table=rows"),
        ("folder/a:b@c.jsonl", "folder/a:b@c.jsonl"),
    ],
)
def test_credentials_are_stripped(output, expected):
    """
    Passwords and secret parameters are removed; nothing else changes.
    """
    assert strip_credentials(output) == expected


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("out/tea.jsonl.gz", "tea"),
        (".hidden.jsonl", "hidden"),
        ("s3://bucket/sets/tea.jsonl?region=eu", "tea"),
        ("s3://bucket/sets/tea.v2/", "tea.v2"),
        ("s3://bucket", "bucket"),
        ("postgresql://alice:secret@host", "host"),
        ("sqlite:///rows.db", "rows"),
        ("postgresql://host/db?sslmode=require#tea", "tea"),
        ("postgresql://alice:secret@host/db?sslmode=require#my%20tea", "my tea"),
    ],
)
def test_the_name_is_the_last_part(output, name):
    """
    It has no ending, since it also names tables.
    """
    assert dataset_name(output) == name


def test_the_run_of_a_url_is_in_the_folder_of_the_specification(tmp_path):
    """
    Its name depends on the URL, but not on the credentials.
    """
    folder = run_folder("postgresql://alice:secret@host/db", tmp_path)

    assert folder.parent == tmp_path
    assert folder.name.startswith("db-")
    assert folder.suffix == ".run"
    assert folder == run_folder("postgresql://alice:other@host/db", tmp_path)
    assert folder != run_folder("postgresql://alice:secret@host2/db", tmp_path)


@pytest.mark.parametrize(
    ("output", "location"),
    [
        ("rows.jsonl", "{root}/rows.jsonl"),
        ("sqlite:///sets/tea.db#tea", "sqlite:///{root}/sets/tea.db#tea"),
        ("SQLite+pysqlite:///../tea.db", "SQLite+pysqlite:///{root}/../tea.db"),
        ("sqlite:////data/tea.db", "sqlite:////data/tea.db"),
        ("sqlite:///C:\\data\\tea.db", "sqlite:///C:\\data\\tea.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("s3://bucket/tea", "s3://bucket/tea"),
        ("file:///tea", "file:///tea"),
    ],
)
def test_relative_outputs_begin_in_the_folder_of_the_specification(output, location, tmp_path):
    """
    A run that is resumed in another folder stores its rows where it did before, also in a file of SQLite.
    """
    assert locate_output(output, tmp_path) == location.format(root=tmp_path)


def test_the_run_of_a_file_is_next_to_it(tmp_path):
    """
    The path is relative to the specification.
    """
    assert run_folder("out/rows.jsonl", tmp_path) == tmp_path / "out" / "rows.jsonl.run"


@pytest.mark.parametrize("output", ["rows.jsonl", "Rows.JSONL", "/data/rows.jsonl.gz"])
def test_the_output_chooses_the_storage(output):
    """
    The patterns of the storages are compared with the name of the file, whatever its case.
    """
    assert choose_storage(Instances(Settings.load()), output) == "jsonl"


@pytest.mark.parametrize(
    "output",
    ["rows.db", "sqlite:///rows.db", "SQLite:///a.jsonl", "postgresql://host/rows#tea", "postgres://host/a.db"],
)
def test_a_storage_may_have_schemes_and_endings(output):
    """
    A URL is stored by the storage of its scheme, also if that has the ending of the path among its patterns.
    """
    assert choose_storage(Instances(Settings.load()), output) == "sql"


@pytest.mark.parametrize("output", ["rows.xyz", "rows", "nothing://host/rows.jsonl"])
def test_an_output_without_a_storage_is_an_error(output):
    """
    A URL is not stored by the ending of its path, since that storage writes files.
    """
    with pytest.raises(ConfigurationError, match=r"No installed storage matches.*\*\.jsonl") as raised:
        choose_storage(Instances(Settings.load()), output)

    assert ("storage =" in (raised.value.hint or "")) is not is_url(output)


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    """
    No shell expands it in a specification, and a folder with this name would be created.
    """
    monkeypatch.setenv("HOME", str(tmp_path))

    assert parse_output("~/rows.jsonl") == str(tmp_path / "rows.jsonl")
    assert parse_output("a/~/rows.jsonl") == "a/~/rows.jsonl"


@pytest.mark.parametrize("name", ["rows.db", "ö/rows.db", "(a b)/rows.db", "~rows.db"])
def test_a_relative_url_of_sqlite_begins_in_the_folder_of_the_specification(name, tmp_path):
    """
    It does not depend on the folder in which the command runs.
    """
    assert locate_output(f"sqlite:///{name}", tmp_path) == f"sqlite:///{tmp_path / name}"


@pytest.mark.parametrize(
    ("output", "distribution"),
    [
        ("rows.parquet", "parquet-storage"),
        ("s3://bucket/rows", "s3-storage"),
        ("rows.sqlite", "sql-storage"),
        ("rows.sqlite3", "sql-storage"),
        ("rows.db", "sql-storage"),
        ("sqlite:///rows.db", "sql-storage"),
        ("postgresql://host/rows", "sql-storage"),
        ("postgresql+psycopg://host/rows", "sql-storage"),
        ("postgres://host/rows", "sql-storage"),
    ],
)
def test_the_storage_that_an_output_needs_is_named(output, distribution):
    """
    If the plugin for an output is not installed, the hint is the command that installs it.
    """
    installed = {key: plugins for key, plugins in take_inventory().claims.items() if key[1] == "jsonl"}
    instances = Instances(Settings.load(), Registry(inventory=Inventory(installed)))

    with pytest.raises(ConfigurationError, match="No installed storage") as raised:
        choose_storage(instances, output)

    assert raised.value.hint is not None
    assert raised.value.hint.startswith(f"Install budwood-{distribution}: in a checkout of Budwood, pip install")


def test_the_error_of_an_unknown_url_has_no_credentials():
    """
    Errors are printed and logged.
    """
    with pytest.raises(ConfigurationError) as raised:
        choose_storage(Instances(Settings.load()), "nothing://alice:secret@host/rows?token=secret")

    assert "secret" not in str(raised.value)
