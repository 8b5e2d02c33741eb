"""``budwood config`` shows where each setting is from, and changes files without losing anything."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.small_disk import mount_disk

pytestmark = pytest.mark.one_python

KEY = "sk-0123456789abcdef"
TEXT = f"""\
model = "work/large"  # the best

[providers.work]
plugin = "openai"
api_key = "{KEY}"
"""


@pytest.fixture
def user_file(tmp_path, monkeypatch):
    """
    The user's file, with a key.
    """
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("BUDWOOD_CONFIG_DIR", str(folder))
    path = folder / "budwood.toml"
    path.write_text(TEXT)
    return path


def read_values(budwood, *arguments, **environment):
    """Return the shown settings by their keys."""
    done = budwood("config", "show", "--json", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout
    return {row.pop("key"): row for row in json.loads(done.stdout)}


def test_origin_of_each_value_is_shown(budwood, user_file, tmp_path):
    """
    A variable, a line of a file, a stored key or the default.
    """
    Path("budwood.toml").write_text('\n[options]\nretries = 5\n[plugins]\ndisabled = ["groq"]\n')
    Path(".env").write_text("# keys\nexport MISTRAL_API_KEY=m-0123456789abcdef\n")
    budwood("tokens", "add", "-p", "gemini", "--token", "-", "--store", "file", stdin="AIza-stored-0123456789")
    variables = {"BUDWOOD_OPTIONS__TIMEOUT": "9", "OPENAI_API_KEY": KEY, "BUDWOOD_PLUGINS_DISABLED": "xai"}
    variables["BUDWOOD_MODEL"] = "openai/gpt-4.1"
    variables["BUDWOOD_PROVIDERS__OPENAI__CALL_ID_LENGTH"] = "3"
    variables["BUDWOOD_OPTIONS__FALLBACKS"] = '["mistral/small"]'

    values = read_values(budwood, "--origin", **variables)

    project, user = str(tmp_path / "budwood.toml"), str(user_file)
    assert values["model"] == {
        "value": "openai/gpt-4.1",
        "origin": "environment",
        "name": "BUDWOOD_MODEL",
        "line": None,
    }
    assert values["options.retries"] == {"value": 5, "origin": "file", "name": project, "line": 3}
    assert values["options.timeout"]["name"] == "BUDWOOD_OPTIONS__TIMEOUT"
    assert (values["options.timeout"]["value"], values["providers.openai.call_id_length"]["value"]) == (9, 3)
    assert values["options.repairs"] == {"value": 1, "origin": "default", "name": None, "line": None}
    assert values["plugins.disabled"]["value"] == ["xai", "groq"]
    assert values["providers.openai.api_key"] == {
        "value": "…cdef",
        "origin": "environment",
        "name": "OPENAI_API_KEY",
        "line": None,
    }
    assert values["providers.mistral.api_key"] == {
        "value": "…cdef",
        "origin": "file",
        "name": str(tmp_path / ".env"),
        "line": 2,
    }
    assert values["providers.work.api_key"] == {"value": "…cdef", "origin": "file", "name": user, "line": 5}
    assert values["providers.gemini.api_key"] == {
        "value": "…6789",
        "origin": "stored key",
        "name": "file",
        "line": None,
    }


def test_only_the_key_that_is_used_is_shown(budwood, user_file):
    """
    Keys of different sources are never mixed.
    """
    budwood("tokens", "add", "-p", "work", "--token", "-", "--store", "file", stdin="sk-stored-0123456789")

    values = read_values(budwood, BUDWOOD_PROVIDERS__WORK__API_KEYS="sk-a-0123456789,sk-b-0123456789")

    assert "providers.work.api_key" not in values
    assert values["providers.work.keys"]["name"] == "BUDWOOD_PROVIDERS__WORK__API_KEYS"
    assert "0123456" not in json.dumps(values)


def test_table_of_values(budwood, user_file):
    """
    Without --origin only what is set, in lines.
    """
    done = budwood("config", "show")
    origins = budwood("config", "show", "--origin")

    assert done.stdout.splitlines() == [
        'model = "work/large"',
        'providers.work.api_key = "…cdef"',
        'providers.work.plugin = "openai"',
    ]
    assert "config/budwood.toml:1" in origins.stdout.replace(str(user_file.parent.parent) + "/", "")


def test_server_url_is_stored_and_shown(budwood, user_file):
    """
    The file keeps its comments, and the former one stays beside it.
    """
    done = budwood("config", "set", "server_url", "https://llm.example", "--json")

    result = json.loads(done.stdout)
    assert result["written"]
    assert "+server_url" in result["diff"]
    assert Path(result["backup"]).read_text() == TEXT
    assert user_file.read_text() == TEXT.replace("best\n", 'best\nserver_url = "https://llm.example"\n')
    assert budwood("config", "get", "server_url").stdout == "https://llm.example\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("set", "options.retries", "3"), "\n[options]\nretries = 3\n"),
        (("set", "providers.WORK.headers", '{ "x-team" = "red" }'), '[providers.work.headers]\nx-team = "red"\n'),
        (("set", "model", "work/1"), 'model = "work/1"  # the best'),
        (("set", "providers.work.api_key", "12345"), 'api_key = "12345"\n'),
        (("set", "cache", "false"), "cache = false\n"),
    ],
)
def test_values_have_the_type_that_the_setting_needs(arguments, expected, budwood, user_file):
    """
    A value as in TOML, or else a text.
    """
    done = budwood("config", *arguments)

    assert done.returncode == 0, done.stderr
    assert expected in user_file.read_text()


def test_secret_from_standard_input_is_not_shown(budwood, user_file):
    """
    Neither in the diff nor in a warning.
    """
    done = budwood("config", "set", "providers.work.api_key", "-", stdin="sk-new-0123456789\n")

    assert 'api_key = "sk-new-0123456789"\n' in user_file.read_text()
    assert "warning" not in done.stderr
    assert "sk-new" not in done.stdout + done.stderr
    assert KEY not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("set", "modl", "a/b"), 3, "unknown key 'modl' (did you mean model"),
        (("set", "options.retries", "many"), 3, "'options.retries'"),
        (("set", "providers.work.base_ulr", "x"), 3, "providers.work: unknown key 'base_ulr'"),
        (("set", "server_url", "ftp://x"), 3, "'server_url': must be an address"),
        (("set", "server_url", "https://user:pw@x"), 3, "without user and password"),
        (("set", "model.name", "x"), 2, "model is a value, not a table"),
        (("set", "a b", "x"), 2, "Invalid key 'a b'"),
        (("set", "model", "x", "--user", "--project"), 2, "--user and --project are both set"),
        (("unset", "options.retries"), 2, "options.retries is not set in config"),
        (("get", "options.retrys"), 2, "Did you mean options.retries"),
    ],
)
def test_mistakes_change_nothing(arguments, status, message, budwood, user_file):
    """
    The error names the key and what is known.
    """
    done = budwood("config", *arguments)

    assert done.returncode == status
    assert message in done.stderr.replace(f"{user_file.parent.parent}/", "")
    assert user_file.read_text() == TEXT


def test_project_file_and_what_takes_precedence(budwood, user_file, tmp_path):
    """
    ``--project`` is the current folder; a value that does not apply is noted.
    """
    budwood("config", "set", "model", "work/small", "--project")
    noted = budwood("config", "set", "model", "work/tiny")
    dry = budwood("config", "unset", "model", "--dry-run")

    assert (tmp_path / "budwood.toml").read_text() == 'model = "work/small"\n'
    assert "budwood.toml:1 sets model too, and takes precedence" in noted.stderr
    assert "nothing was written" in dry.stderr
    assert budwood("config", "get", "model").stdout == "work/small\n"
    assert budwood("config", "get", "model", "--user").stdout == "work/tiny\n"
    assert budwood("config", "path", "--project").stdout == f"{tmp_path / 'budwood.toml'}\n"


def test_a_removed_key_names_what_applies_now(budwood, user_file):
    """
    The section that is left empty is removed too. A stored key does not take precedence: it applies from now on.
    """
    budwood("tokens", "add", "-p", "openai", "--token", "-", "--store", "file", stdin="sk-stored-0123456789")
    added = budwood("config", "set", "providers.openai.api_key", "-", stdin=KEY)
    removed = budwood("config", "unset", "providers.openai.api_key")

    assert "note" not in added.stderr
    assert "the stored key of openai applies now" in removed.stderr
    assert "precedence" not in removed.stderr
    assert user_file.read_text().strip() == TEXT.strip()


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "BUDWOOD_PROVIDERS__OPENAI__API_KEYS"])
def test_a_variable_that_overrides_a_key_is_named(variable, budwood, user_file):
    """
    Also if it has several keys; after the key was removed, it is still set.
    """
    environment = {variable: "sk-other-0123456789"}
    added = budwood("config", "set", "providers.openai.api_key", "-", stdin=KEY, **environment)
    removed = budwood("config", "unset", "providers.openai.api_key", **environment)

    assert f"note: {variable} sets providers.openai." in added.stderr
    assert "takes precedence" in added.stderr
    assert f"note: {variable} still sets providers.openai." in removed.stderr


def test_all_mistakes_are_listed_with_their_lines(budwood, user_file):
    """
    Of all files, variables and stored keys; the exit status is 3.
    """
    user_file.write_text(TEXT + 'base_ulr = "x"\n[unknown]\n')
    Path("budwood.toml").write_text("model = \n")
    (user_file.parent / "credentials.json").write_text("torn")
    (user_file.parent / "credentials.json").chmod(0o600)

    done = budwood("config", "validate", BUDWOOD_OPTIONS__RETRIES="many")
    listed = json.loads(budwood("config", "validate", "--json").stdout)

    lines = done.stdout.replace(f"{user_file.parent.parent}/", "").splitlines()
    assert done.returncode == 3
    assert lines[0].startswith("environment: BUDWOOD_OPTIONS__RETRIES: 'options.retries': ")
    assert lines[1].startswith("budwood.toml:1: is not valid TOML")
    assert lines[2].startswith("config/budwood.toml:6: providers.work: unknown key 'base_ulr' (did you mean base_url?)")
    assert lines[3].startswith("config/budwood.toml:7: unknown key 'unknown'")
    assert lines[4] == "config/credentials.json: the index of stored keys is damaged: not a JSON object"
    assert not listed["valid"]
    assert [problem["line"] for problem in listed["problems"]] == [1, 6, 7, None]


def test_valid_settings_and_plugins_of_other_machines(budwood, user_file):
    """
    A plugin that is not installed is only a warning.
    """
    user_file.write_text(TEXT + '[providers.far]\nplugin = "not-installed"\n')

    done = budwood("config", "validate")

    assert done.returncode == 0
    assert "warning: " in done.stdout
    assert "budwood.toml:7: " in done.stdout
    assert "the settings are valid" in done.stderr


# The editor.


@pytest.fixture
def editor(tmp_path):
    """
    Make an editor from Python code, which has the path of the text in ``path``.
    """

    def make(code):
        script = tmp_path / "editor.py"
        script.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n")
        return {"VISUAL": f"{sys.executable} {script}"}

    return make


def test_edited_text_replaces_the_file(budwood, user_file, editor):
    """
    The former file is kept.
    """
    done = budwood("config", "edit", **editor("path.write_text(path.read_text().replace('large', 'small'))"))

    assert done.returncode == 0, done.stderr
    assert user_file.read_text() == TEXT.replace("large", "small")
    assert user_file.with_name("budwood.toml.bak").read_text() == TEXT


def test_unchanged_text_changes_nothing(budwood, user_file, editor):
    """
    No former file is written.
    """
    done = budwood("config", "edit", **editor(""))

    assert "nothing changed" in done.stderr
    assert not user_file.with_name("budwood.toml.bak").exists()


def test_new_file_is_created_by_the_editor(budwood, user_file, editor):
    """
    The editor starts with a comment.
    """
    done = budwood("config", "edit", "--project", **editor("path.open('a').write('model = \"a/b\"\\n')"))

    assert done.returncode == 0, done.stderr
    assert Path("budwood.toml").read_text().endswith('model = "a/b"\n')


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("path.write_text('modl = 1 # mine')", "budwood.toml:1: unknown key 'modl'"),
        ("path.write_bytes(b'\\xff # mine')", "not valid UTF-8"),
        ("path.write_text('# mine'); sys.exit(1)", "failed"),
    ],
)
def test_text_that_cannot_be_used_is_kept(code, message, budwood, user_file, editor):
    """
    The file is as before, and the error names the text.
    """
    done = budwood("config", "edit", **editor(code))

    (kept,) = user_file.parent.glob("budwood.toml.edited-*")
    assert done.returncode == 3
    assert message in done.stderr
    assert kept.name in done.stderr
    assert b"# mine" in kept.read_bytes()
    assert user_file.read_text() == TEXT


def test_text_is_kept_if_the_file_changed_meanwhile(budwood, user_file, editor):
    """
    Both texts exist afterwards.
    """
    code = f"path.write_text('# mine'); pathlib.Path({str(user_file)!r}).write_text('# theirs')"

    done = budwood("config", "edit", **editor(code))

    (kept,) = user_file.parent.glob("budwood.toml.edited-*")
    assert done.returncode == 3
    assert "another program changed the file meanwhile" in done.stderr
    assert kept.read_text() == "# mine"
    assert user_file.read_text() == "# theirs"


def test_missing_editor_is_an_error_with_a_cure(budwood, user_file):
    """
    It names the variables.
    """
    done = budwood("config", "edit", VISUAL="no-such-editor --wait")

    assert done.returncode == 2
    assert "The editor 'no-such-editor' was not found." in done.stderr
    assert "Set VISUAL or EDITOR" in done.stderr


def test_invalid_text_can_be_edited_again(terminal, user_file, editor):
    """
    The second time the editor gets the text of the first.
    """
    code = "path.write_text('model = \"a/b\"' if 'modl' in path.read_text() else 'modl = 1')"

    edited = terminal("config", "edit", **editor(code))
    edited.wait_for("unknown key 'modl'")
    edited.wait_for("Edit again? [Y/n] ")
    edited.type("\n")

    assert edited.end() == 0
    assert user_file.read_text() == 'model = "a/b"'


def test_interrupt_keeps_the_text(terminal, user_file, editor):
    """
    Also an answer of no.
    """
    for answer in ("n\n", "\x03"):
        edited = terminal("config", "edit", **editor("path.write_text('modl = 1')"))
        edited.wait_for("Edit again? [Y/n] ")
        edited.type(answer) if answer == "n\n" else edited.interrupt()
        assert edited.end() == (3 if answer == "n\n" else 130)

    assert [kept.read_text() for kept in user_file.parent.glob("budwood.toml.edited-*")] == ["modl = 1"] * 2
    assert user_file.read_text() == TEXT


def test_full_disk_loses_neither_the_file_nor_the_text(budwood, tmp_path, editor):
    """
    The file is as before, and what the editor wrote is where there is room.
    """
    long = "# " + "x" * 100_000
    with mount_disk(tmp_path / "disk") as disk:
        path = disk.folder / "budwood.toml"
        path.write_text(TEXT)
        disk.leave(0)
        folder = {"BUDWOOD_CONFIG_DIR": str(disk.folder)}

        changed = budwood("config", "set", "model", "-", stdin="work/" + "m" * 20_000, **folder)
        edited = budwood("config", "edit", **folder, **editor(f"path.write_text({long!r})"))

        assert (changed.returncode, edited.returncode) == (1, 1)
        assert "No space left on device" in changed.stderr
        assert "No space left on device" in edited.stderr
        kept = Path(edited.stderr.partition("your text is in ")[2].splitlines()[0])
        assert kept.read_text() == long
        assert path.read_text() == TEXT
        assert [entry.name for entry in disk.folder.iterdir() if ".part" in entry.name or "edited" in entry.name] == []
    shutil.rmtree(kept.parent)
