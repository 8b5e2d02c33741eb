"""Changes of a settings file keep its comments, and never lose or show anything."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import ConfigurationError
from budwood_cli.errors import ArgumentError
from budwood_cli.setting_keys import format_key, parse_key, parse_value
from budwood_cli.setting_problems import find_text_problems
from budwood_cli.settings_files import ChangedMeanwhileError, SettingsFile

SECRET = "sk-0123456789abcdef"

TEXT = f"""\
# My settings.
model = "work/large"   # the best

[options]
retries = 3

[providers.Work_1]     # at work
plugin = "openai"
# api_key = "sk-old-0123456789"
api_key = "{SECRET}"
headers = {{ "x-api-key" = "header-0123456789", "x-team" = "red" }}

[models."work/my-finetune*"]
refuses = ["temperature"]
"""


@pytest.fixture
def path(tmp_path):
    """
    A file with comments and secrets.
    """
    path = tmp_path / "budwood.toml"
    path.write_text(TEXT)
    return path


def test_changes_keep_comments_and_order(path):
    """
    Only the lines of the keys change.
    """
    file = SettingsFile(path)

    file.set("model", "work/small")
    file.set("options.timeout", 30)
    file.set('models."work/my-finetune*".prices.input', "0.40")
    assert file.unset("options.retries")
    file.save()

    expected = (
        TEXT.replace("work/large", "work/small")
        .replace("retries = 3\n", "timeout = 30\n")
        .replace('["temperature"]\n', '["temperature"]\n\n[models."work/my-finetune*".prices]\ninput = "0.40"\n')
    )
    assert path.read_text() == expected


def test_former_file_is_kept(path):
    """
    With its permissions.
    """
    path.chmod(0o600)
    file = SettingsFile(path)
    file.set("model", "work/small")

    backup = file.save()

    assert backup == path.with_name("budwood.toml.bak")
    assert backup.read_text() == TEXT
    if sys.platform != "win32":
        assert stat.S_IMODE(backup.stat().st_mode) == stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_written_without_a_change(path):
    """
    The former file of an earlier change stays.
    """
    file = SettingsFile(path)
    file.set("options.retries", 3)

    assert file.diff() == ""
    assert file.save() is None
    assert not path.with_name("budwood.toml.bak").exists()


def test_names_of_instances_are_found_in_any_form(path):
    """
    No second section of the same instance is created.
    """
    file = SettingsFile(path)

    file.set("providers.work-1.base_url", "https://work.example/v1")

    assert list(file.tree["providers"]) == ["Work_1"]
    assert file.get("providers.WORK-1.plugin") == "openai"


def test_new_file_and_its_folder_are_created(tmp_path):
    """
    One with a secret can be read only by its owner.
    """
    path = tmp_path / "new" / "budwood.toml"
    file = SettingsFile(path)
    file.set("providers.work.api_key", SECRET)

    assert file.save() is None

    assert path.read_text() == f'[providers.work]\napi_key = "{SECRET}"\n'
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_diff_shows_changes_but_no_secrets(path):
    """
    Neither old, nor new, nor in comments.
    """
    file = SettingsFile(path)
    file.set("providers.work-1.api_key", f"sk-new-0123456{SECRET[-4:]}")

    diff = file.diff()

    assert '-api_key = "…cdef"' in diff
    assert '+api_key = "…cdef (new)"' in diff
    assert "x-team" in diff
    for secret in (SECRET, "sk-new", "sk-old", "header-0123456789"):
        assert secret not in diff


def test_change_that_is_not_valid_is_not_written(path):
    """
    The error names the key and not the value.
    """
    file = SettingsFile(path)
    file.set("options.retrys", "secret-value")

    with pytest.raises(ConfigurationError, match=r"unknown key 'options.retrys' \(did you mean retries") as caught:
        file.save()

    assert "secret-value" not in str(caught.value)
    assert path.read_text() == TEXT


def test_settings_of_plugins_are_checked(path):
    """
    By the plugin's own model, if it is installed.
    """
    file = SettingsFile(path)
    file.set("providers.work-1.base_ulr", "https://work.example/v1")

    with pytest.raises(ConfigurationError, match=r"providers\.work-1: unknown key 'base_ulr'"):
        file.save()


def test_other_mistakes_of_the_file_do_not_prevent_a_change(path):
    """
    So that they can be corrected one after the other.
    """
    path.write_text("wrong = 1\nalso_wrong = 2\n")
    file = SettingsFile(path)
    assert file.unset("wrong")

    file.save()

    assert path.read_text() == "also_wrong = 2\n"


def test_file_that_changed_meanwhile_is_not_replaced(path):
    """
    The other change stays, and so does the former file.
    """
    file = SettingsFile(path)
    file.set("model", "work/small")
    path.write_text("# other\n")

    with pytest.raises(ChangedMeanwhileError, match="another program changed the file meanwhile"):
        file.save()

    assert path.read_text() == "# other\n"
    assert [entry.name for entry in path.parent.iterdir() if entry.is_file()] == ["budwood.toml"]


def test_file_that_was_created_meanwhile_is_not_replaced(tmp_path):
    """
    The same for a new file.
    """
    file = SettingsFile(tmp_path / "budwood.toml")
    file.set("model", "a/b")
    (tmp_path / "budwood.toml").write_text("# other\n")

    with pytest.raises(ChangedMeanwhileError):
        file.save()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_link_stays_a_link(path, tmp_path):
    """
    Users keep such files elsewhere.
    """
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    file = SettingsFile(link)
    file.set("model", "work/small")

    file.save()

    assert link.is_symlink()
    assert "work/small" in path.read_text()


@pytest.mark.parametrize("text", ["\ufeffmodel = 'a/b'\r\n# note\r\n[options]\r\nretries = 1\r\n"])
def test_byte_order_mark_and_windows_lines_stay(tmp_path, text):
    """
    Editors on Windows write them.
    """
    path = tmp_path / "budwood.toml"
    path.write_bytes(text.encode())
    file = SettingsFile(path)
    file.set("options.timeout", 5)

    file.save()

    assert path.read_bytes() == f"{text}timeout = 5\r\n".encode()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("options.retries = 1\n", "options.timeout"),
        ("options = { retries = 1 }\n", "options.timeout"),
        ("[providers.a.headers]\nx = 'y'\n[options]\nretries = 1\n[providers.b]\n", "providers.a.base_url"),
        ("[options]\nretries = 1\n", "model"),
        ("[[providers.a.backups]]\nbase_url = 'http://x'\n", "providers.a.base_url"),
    ],
)
def test_every_way_to_write_tables_can_be_changed(tmp_path, text, key):
    """
    Dotted keys, inline tables, tables out of order, and lists of tables.
    """
    path = tmp_path / "budwood.toml"
    path.write_text(text)
    file = SettingsFile(path)

    file.set(key, 30)

    assert tomllib.loads(file.text) == file.tree
    assert file.get(key) == 30
    file.unset(key)
    assert file.get(key) is None
    assert file.tree == tomllib.loads(text)


def test_part_of_a_value_is_no_key(path):
    """
    A value has no keys.
    """
    with pytest.raises(ArgumentError, match="model is a value, not a table"):
        SettingsFile(path).set("model.name", 1)


@pytest.mark.parametrize("key", ["", ".", "a.", "a = 1 #", "a\nb", "a b", "[a]", 'x."', "a" + ".a" * 60, "''"])
def test_invalid_key_is_an_error(key):
    """
    Nothing of it is taken as TOML.
    """
    with pytest.raises(ArgumentError, match="Invalid key"):
        parse_key(key)


@given(path=st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1), min_size=1, max_size=4))
def test_every_key_can_be_written(path):
    """
    What is printed as a key can be typed as one.
    """
    assert parse_key(format_key(path)) == tuple(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("openai/gpt", "openai/gpt"),
        ('"3"', "3"),
        ("1\nb = 2", "1\nb = 2"),
    ],
)
def test_values_are_toml_or_texts(text, value):
    """
    Quotes make a text of anything.
    """
    assert parse_value(text) == value


def test_problems_have_lines():
    """
    All mistakes of a file are found, in the order of its lines.
    """
    text = """\
modell = "a/b"
[options]
# a comment
retries = "many"
[providers.work]
plugin = "openai"
api_key = "a"
keys = [{ secret = "b" }]
[providers.other]
plugin = "missing-plugin"
[unknown.table]
"""
    problems = find_text_problems(text, "f.toml")

    assert [(problem.line, problem.key, problem.is_warning) for problem in problems] == [
        (1, "modell", False),
        (4, "options.retries", False),
        (5, "providers.work", False),
        (10, "providers.other.plugin", True),
        (11, "unknown", False),
    ]


def test_mistake_in_the_syntax_has_a_line():
    """
    The message does not contain the file.
    """
    (problem,) = find_text_problems('model = "a/b"\nkey = sk-secret\n', "f.toml")

    assert str(problem).startswith("f.toml:2: is not valid TOML: ")
    assert "sk-secret" not in str(problem)


@given(st.text())
def test_any_text_is_checked(text):
    """
    No file crashes the check.
    """
    find_text_problems(text, str(Path("budwood.toml")))
