"""``budwood tokens`` keeps keys of vendors, in a keyring or in a file, and shows none of them."""

from __future__ import annotations

import errno
import json
import stat
import sys
from pathlib import Path

import pytest

from budwood.credential_store import KeyringUnavailableError, StoredKey, read_index, read_secret, write_index
from budwood_cli import stored_keys
from budwood_cli.errors import ArgumentError, OutputError
from tests.fake_keyring import use_fake_keyring
from tests.small_disk import mount_disk

pytestmark = pytest.mark.one_python

KEY = "sk-proj-0123456789abcdefghij"
OTHER = "sk-proj-9876543210zyxwvutsrq"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """
    The folder of the stored keys.
    """
    folder = tmp_path / "config"
    monkeypatch.setenv("BUDWOOD_CONFIG_DIR", str(folder))
    return folder


@pytest.fixture
def add(budwood, folder):
    """
    Store a key in the file: ``add("openai", "--label", "work")``.
    """

    def run(provider, *arguments, key=KEY):
        done = budwood(
            "tokens", "add", "--provider", provider, "--token", "-", *arguments, "--store", "file", "--yes", stdin=key
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


def list_labels(folder):
    """Return the labels of all stored keys."""
    return [key.label for key in read_index(folder / "credentials.json")]


def test_key_is_stored_and_used(add, budwood, folder, vendor):
    """
    The next command sends it to the vendor.
    """
    done = add("local")
    answer = budwood("ask", "hi")

    assert done.stderr == (
        "stored: the key 'default' of local (…ghij), in config/credentials.json\n"
        f"It will only be sent to {vendor.url.removesuffix('/v1')}.\n"
    )
    assert answer.returncode == 0, answer.stderr
    assert vendor.authorizations[-1] == f"Bearer {KEY}"
    if sys.platform != "win32":
        assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600


def test_key_is_not_sent_to_another_address_until_it_is_stored_again(add, budwood, vendor, monkeypatch):
    """
    The error says how; the same key can be stored again.
    """
    monkeypatch.setenv("BUDWOOD_PROVIDERS__LOCAL__BASE_URL", "http://localhost:1/v1")
    add("local")
    monkeypatch.setenv("BUDWOOD_PROVIDERS__LOCAL__BASE_URL", vendor.url)
    refused = budwood("ask", "hi")
    add("local")
    answer = budwood("ask", "hi")

    assert refused.returncode == 4
    assert "the stored key 'default' was stored for http://localhost:" in refused.stderr
    assert "budwood tokens add --provider local" in refused.stderr
    assert answer.returncode == 0, answer.stderr
    assert vendor.authorizations == [f"Bearer {KEY}"]


ELSEWHERE = "base_url = 'http://evil.example/v1'"


@pytest.fixture(
    params=[
        ("budwood.toml", f"[providers.openai]\n{ELSEWHERE}", "http://evil.example"),
        (".env", "OPENAI_BASE_URL=http://evil.example/v1", "http://evil.example"),
        (
            "budwood.toml",
            f"[providers.openai]\nbackups = [{{ {ELSEWHERE} }}]",
            "https://api.openai.com and http://evil.example",
        ),
    ]
)
def warning(request, tmp_path):
    """
    What is said about the current folder, which sets an address.
    """
    file, text, places = request.param
    (tmp_path / file).write_text(text)
    return f"{file} in this folder sets the address of 'openai' to {places}."


@pytest.mark.parametrize("command", ["add", "rotate"])
def test_key_is_not_stored_for_the_address_of_a_folder_without_a_yes(command, warning, budwood, folder):
    """
    It would be sent there.
    """
    if command == "rotate":
        write_index(folder / "credentials.json", [StoredKey.create("openai", "default", KEY, "file")])
    before = read_index(folder / "credentials.json")
    arguments = ("tokens", command, "--provider", "openai", "--token", "-", "--store", "file")

    refused = budwood(*arguments, "--no-input", stdin=OTHER)
    between = read_index(folder / "credentials.json")
    agreed = budwood(*arguments, "--yes", stdin=OTHER)

    assert refused.returncode == 2
    assert warning in refused.stderr
    assert "Pass --yes if the address is right, or run the command outside of this folder." in refused.stderr
    assert between == before
    assert agreed.returncode == 0, agreed.stderr


def test_known_address_of_a_folder_needs_no_yes(add, budwood, tmp_path):
    """
    A key is stored for it already.
    """
    (tmp_path / "budwood.toml").write_text(f"[providers.openai]\n{ELSEWHERE}")
    add("openai")

    again = budwood("tokens", "rotate", "--provider", "openai", "--token", "-", stdin=OTHER)

    assert again.returncode == 0, again.stderr


def test_list_shows_ends_of_keys_and_what_overrides_them(add, budwood):
    """
    Never a key.
    """
    add("openai")
    add("groq", "--label", "work", key=OTHER)

    table = budwood("tokens", "list", OPENAI_API_KEY="sk-of-the-environment", COLUMNS="60")
    rows = json.loads(budwood("tokens", "list", "--json", "--provider", "Groq").stdout)

    assert table.stdout.splitlines() == [
        "provider  label    key    stored in  overridden by",
        "groq      work     …tsrq  file",
        "openai    default  …ghij  file       OPENAI_API_KEY",
    ]
    assert [(row["label"], row["key"], row["store"], row["overridden_by"]) for row in rows] == [
        ("work", "…tsrq", "file", None)
    ]
    assert KEY not in table.stdout + table.stderr


@pytest.mark.parametrize(
    ("environment", "files", "expected"),
    [
        ({"OPENAI_API_KEYS": "a,b"}, {}, "OPENAI_API_KEYS"),
        ({"BUDWOOD_PROVIDERS__OPENAI__API_KEY": "a"}, {}, "BUDWOOD_PROVIDERS__OPENAI__API_KEY"),
        ({}, {".env": "OPENAI_API_KEY=a"}, "OPENAI_API_KEY"),
        ({}, {"budwood.toml": "[providers.openai]\napi_key = 'a'"}, "budwood.toml"),
        ({"OPENAI_API_KEY": " "}, {}, None),
    ],
)
def test_each_source_that_overrides_is_named(environment, files, expected, add, budwood):
    """
    A variable by its name, a file by its path.
    """
    add("openai")
    for name, text in files.items():
        Path(name).write_text(text)

    (row,) = json.loads(budwood("tokens", "list", "--json", **environment).stdout)

    assert row["overridden_by"] == expected


def test_key_as_an_argument_is_stored_with_a_warning(budwood, folder):
    """
    Others may see it in the history and in the list of processes.
    """
    done = budwood("tokens", "add", "--provider", "openai", "--token", KEY, "--store", "file")

    assert done.returncode == 0
    assert "warning: the key is now in the history of your shell, and was in the list of processes." in done.stderr
    assert KEY not in done.stderr
    assert list_labels(folder) == ["default"]


def test_second_key_needs_a_label_or_rotate(add, budwood, folder):
    """
    No key is replaced by mistake; the same key again changes nothing.
    """
    add("openai")
    add("openai")

    done = budwood("tokens", "add", "-p", "openai", "--token", "-", "--store", "file", stdin=OTHER)

    assert done.returncode == 2
    assert "openai already has a stored key 'default'." in done.stderr
    assert "budwood tokens rotate --provider openai" in done.stderr
    add("openai", "--label", "second", key=OTHER)
    assert list_labels(folder) == ["default", "second"]


def test_rotate_replaces_only_one_key(add, budwood, folder):
    """
    All others stay as they are.
    """
    add("openai", "--label", "one")
    add("openai", "--label", "two", key=OTHER)
    before = {key.name: key for key in read_index(folder / "credentials.json")}

    done = budwood(
        "tokens", "rotate", "-p", "openai", "-l", "one", "--token", "-", "--json", stdin="sk-new-0123456789wxyz\n"
    )

    after = {key.name: key for key in read_index(folder / "credentials.json")}
    assert json.loads(done.stdout)["key"] == "…wxyz"
    assert after.pop(("openai", "one")).secret.get_secret_value() == "sk-new-0123456789wxyz"
    del before["openai", "one"]
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["rotate", "-p", "openai", "-l", "no"], "openai has no stored key 'no'", "Its labels are: one, two."),
        (["rm", "-p", "groq", "--yes"], "groq has no stored key 'default'", "budwood tokens add --provider groq"),
        (["rm", "-p", "openai", "-l", "one"], "needs an answer, but standard input is not a terminal", "Pass --yes."),
        (["rm", "-p", "openai", "--yes"], "'Which key of openai?' needs an answer", "Pass --label TEXT."),
        (["add", "-p", "openai"], "needs an answer, but standard input is not a terminal", "Pass --token -."),
        (["add"], "'Provider, as in PROVIDER/MODEL' needs an answer", "Pass --provider NAME."),
        (["add", "-p", "opneai", "--token", "-"], "No provider is named 'opneai'.", "Did you mean openai?"),
        (["add", "-p", "no-such-vendor", "--token", "-"], "No provider is named", "[providers.no-such-vendor]"),
        (["add", "-p", "groq", "--token", "-", "--store", "vault"], "Invalid value for --store", "keyring or file"),
    ],
)
def test_every_mistake_names_its_cure(arguments, message, hint, add, budwood):
    """
    Also what would be asked at a terminal: the error names the option.
    """
    add("openai", "--label", "one")
    add("openai", "--label", "two", key=OTHER)

    done = budwood("tokens", *arguments, stdin="sk-x-0123456789")

    assert done.returncode == 2
    assert message in done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize("key", ["", " \n", "two words", "sk-ä", "sk-\x00", "a\nb", "x" * 20_001])
def test_what_is_no_key_is_rejected(key, budwood, folder):
    """
    Nothing is stored, and the error does not show it.
    """
    done = budwood("tokens", "add", "-p", "openai", "--token", "-", "--store", "file", stdin=key)

    assert done.returncode == 2
    assert "The key " in done.stderr
    assert not (folder / "credentials.json").exists()


@pytest.mark.parametrize("label", ["", " x", "\x1b[31mred", "\u202eevil", "x" * 101, KEY])
def test_hostile_label_is_rejected(label, folder):
    """
    Labels are shown at terminals, and in logs.
    """
    with pytest.raises(ArgumentError, match="label"):
        stored_keys.store_key("openai", KEY, "file", label)

    assert not (folder / "credentials.json").exists()


@pytest.mark.parametrize("label", ["../../x", "a/b", "$(rm -rf)", "ключ", "a b", "'", "{0}"])
def test_unusual_label_is_kept(label, add, budwood, folder):
    """
    It is a text and nothing else.
    """
    add("openai", "--label", label)

    assert list_labels(folder) == [label]
    assert budwood("tokens", "rm", "-p", "openai", "--label", label, "--yes").returncode == 0
    assert list_labels(folder) == []


def test_processes_that_add_at_once_lose_nothing(budwood, folder, started):
    """
    Each one waits for the others.
    """
    processes = []
    for number in range(6):
        process = started("tokens", "add", "-p", "openai", "-l", f"key {number}", "--token", "-", "--store", "file")
        process.stdin.write(f"sk-{number}-0123456789".encode())
        process.stdin.close()
        processes.append(process)

    errors = [process.stderr.read() for process in processes]

    assert [process.wait() for process in processes] == [0] * 6, errors
    assert list_labels(folder) == [f"key {number}" for number in range(6)]


def test_damaged_index_is_not_replaced(budwood, folder):
    """
    It may still contain keys.
    """
    folder.mkdir()
    path = folder / "credentials.json"
    path.write_text('{"version": 1, "keys": [{"provider": "openai", "secret": "sk-01')
    path.chmod(0o600)
    before = path.read_bytes()

    for arguments in (
        ["add", "-p", "groq", "--token", "-", "--store", "file"],
        ["list"],
        ["rm", "-p", "openai", "--yes"],
    ):
        done = budwood("tokens", *arguments, stdin=KEY)
        assert done.returncode == 3
        assert "credentials.json: the index of stored keys is damaged" in done.stderr
        assert "sk-01" not in done.stderr

    assert path.read_bytes() == before


def test_full_disk_changes_nothing(budwood, tmp_path):
    """
    The error says that the keys are as before.
    """
    with mount_disk(tmp_path / "disk") as disk:
        environment = {"BUDWOOD_CONFIG_DIR": str(tmp_path / "disk" / "config")}
        arguments = ("tokens", "add", "--token", "-", "--store", "file")
        assert budwood(*arguments, "-p", "openai", stdin=KEY, **environment).returncode == 0
        disk.leave(0)

        done = budwood(*arguments, "-p", "groq", stdin="sk-" + "0123456789" * 1500, **environment)

        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "hint: The stored keys are as before." in done.stderr
        (row,) = json.loads(budwood("tokens", "list", "--json", **environment).stdout)
        assert row["provider"] == "openai"


def test_index_that_cannot_be_written_undoes_the_keyring(folder, monkeypatch):
    """
    A new secret is removed from the keyring, and a replaced one is back.
    """

    def fail(path, keys):
        raise OSError(errno.ENOSPC, "No space left on device")

    with use_fake_keyring():
        stored_keys.store_key("openai", KEY, "keyring")
        monkeypatch.setattr(stored_keys, "write_index", fail)
        with pytest.raises(OutputError, match="No space left on device"):
            stored_keys.replace_key("openai", OTHER, "keyring")
        with pytest.raises(OutputError):
            stored_keys.store_key("groq", OTHER, "keyring")

        assert (read_secret("openai", "default"), read_secret("groq", "default")) == (KEY, None)


def test_key_that_moves_to_the_file_leaves_the_keyring(folder):
    """
    And the other way round.
    """
    with use_fake_keyring() as fake:
        stored_keys.store_key("openai", KEY, "keyring")
        stored_keys.replace_key("openai", OTHER, "file")
        assert fake.secrets == {}

        stored_keys.replace_key("openai", KEY, "keyring")
        assert KEY not in (folder / "credentials.json").read_text()
        assert OTHER not in (folder / "credentials.json").read_text()


def test_locked_keyring_removes_nothing(folder):
    """
    The entry stays, since its secret does.
    """
    with use_fake_keyring() as fake:
        stored_keys.store_key("openai", KEY, "keyring")
        fake.state = "locked"

        with pytest.raises(KeyringUnavailableError, match="locked"):
            stored_keys.remove_key("openai", "default")

    assert list_labels(folder) == ["default"]


@pytest.mark.parametrize("state", ["missing", "empty"])
def test_entry_without_a_secret_can_be_removed(state, folder):
    """
    Where there is no keyring any more, a note says that the secret may be in one.
    """
    with use_fake_keyring() as fake:
        stored_keys.store_key("openai", KEY, "keyring")
        fake.secrets.clear()
        fake.state = "open" if state == "empty" else state

        change = stored_keys.remove_key("openai", "default")

    assert ("still there" in change.note) == (state == "missing")
    assert list_labels(folder) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_file_that_others_could_read_is_mended(add, budwood, folder):
    """
    A warning says so, without the line of code that raised it.
    """
    add("openai")
    path = folder / "credentials.json"
    path.chmod(0o644)

    done = budwood("tokens", "list")

    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"warning: {path}: other users could read the stored keys (its mode was 0644, and now is 0600)"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_prompt_in_place_of_a_subcommand_has_a_hint(budwood):
    """
    Tokens of prompts are counted by another command.
    """
    run = budwood("tokens", "hello")

    assert run.returncode == 2
    assert "No such command 'hello'" in run.stderr
    assert "note: `budwood count` counts the tokens of a prompt." in run.stderr
