"""Logins in a file: sealed, private, and readable only with the key."""

from __future__ import annotations

import builtins
import json
import stat
import subprocess
import sys

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.credential_store import StoredKey, read_index, write_index
from budwood.errors import BudwoodError, ConfigurationError, CredentialError
from budwood.settings import user_folder
from budwood_server.client.logins import keys as login_keys
from budwood_server.client.logins.keys import LoginKeys
from budwood_server.client.logins.sealing import seal_login, unseal_login
from budwood_server.client.logins.store import Login, LoginStore
from budwood_server.vault.master_keys import MasterKeyError, new_master_key, parse_master_keys, write_keyring
from budwood_server.vault.sealing import SealError
from tests.fake_keyring import FakeKeyring

URL = "https://budwood.example.org"
OTHER = "https://other.example.org"
TOKENS = ("bw_access_0123456789", "bw_refresh_0123456789")
TEXT = json.dumps({"access_token": TOKENS[0], "refresh_token": TOKENS[1]})
KEY = parse_master_keys(new_master_key(), "environment").current


class OneKey(LoginKeys):
    """The same key each time, without a file."""

    def choose(self):
        return KEY

    def find(self, key_id):
        return KEY if key_id == KEY.id else None


SEALED = seal_login(TEXT, URL, OneKey())


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """
    The user's directories, without a keyring.
    """
    for purpose in ("config", "state"):
        monkeypatch.setenv(f"BUDWOOD_{purpose.upper()}_DIR", str(tmp_path / purpose))
    monkeypatch.delenv("BUDWOOD_MASTER_KEY", raising=False)
    missing = FakeKeyring()
    missing.state = "missing"
    monkeypatch.setattr(keyring, "get_keyring", lambda: missing)
    return tmp_path


@pytest.fixture
def open_keyring(folders, monkeypatch):
    """
    A keyring.
    """
    backend = FakeKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    return backend


def create_login(url=URL):
    """
    Return a login with known tokens.
    """
    return Login(url=url, account="ann", access_token=TOKENS[0], expires_at=1.0, refresh_token=TOKENS[1])


def open_store():
    """
    Return the logins as a new process finds them.
    """
    return LoginStore(user_folder("config"))


def save(url=URL, place="file"):
    """
    Store a login, and return the store.
    """
    store = open_store()
    with store.lock():
        store.save(create_login(url), place)
    return store


def read_secret_text(store):
    """
    Return the sealed text of the only login.
    """
    (entry,) = read_index(store.path)
    return entry.secret.get_secret_value()


def write_secret_text(store, text, url=URL):
    """
    Replace the text of the only login.
    """
    write_index(store.path, [StoredKey(provider="budwood-login", label=url, place="file", secret=text)])


def test_no_file_has_a_token_in_clear(folders):
    """
    Nor does the configuration directory have the key. Both files are private, and so are their directories.
    """
    store = save()

    assert open_store().load(URL) == create_login()
    files = [file for file in folders.rglob("*") if file.is_file()]
    for token in TOKENS:
        assert not [file for file in files if token.encode() in file.read_bytes()]
    key_file = LoginKeys().path
    assert key_file.parent == folders / "state"
    for file in (store.path, key_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    (entry,) = read_index(key_file)
    assert entry.ending == ""
    secret = entry.secret.get_secret_value()
    assert not [file for file in files if file.parent == store.path.parent and secret.encode() in file.read_bytes()]


def test_configuration_directory_alone_opens_nothing(folders):
    """
    Without the key, the error names the login and the command, and `save` works again.
    """
    store = save()
    LoginKeys().path.unlink()

    with pytest.raises(CredentialError, match="is not there") as error:
        open_store().load(URL)
    assert error.value.hint == f"Log in again with `budwood login {URL}`."
    save()
    assert store.load(URL).account == "ann"


def test_variable_is_the_key(folders, monkeypatch):
    """
    Then there is no file with a key. One with several keys opens what an older one has sealed.
    """
    old, new = new_master_key(), new_master_key()
    monkeypatch.setenv("BUDWOOD_MASTER_KEY", old)
    save()
    assert not LoginKeys().path.exists()

    monkeypatch.setenv("BUDWOOD_MASTER_KEY", f"{new},{old}")
    assert open_store().load(URL) == create_login()
    monkeypatch.setenv("BUDWOOD_MASTER_KEY", new)
    with pytest.raises(CredentialError, match="is not there"):
        open_store().load(URL)


def test_key_of_the_file_still_opens_once_there_is_another(folders, monkeypatch):
    """
    A login that was stored without the variable can be read with it, and is sealed by it when it is stored again.
    """
    store = save()
    before = json.loads(read_secret_text(store))["key_id"]
    monkeypatch.setenv("BUDWOOD_MASTER_KEY", new_master_key())

    assert open_store().load(URL) == create_login()
    assert json.loads(read_secret_text(save()))["key_id"] != before


def test_invalid_variable_is_named_before_tokens_are_lost(folders, monkeypatch):
    """
    By `prepare`, which is called before a login or a renewal.
    """
    monkeypatch.setenv("BUDWOOD_MASTER_KEY", "short")

    with pytest.raises(MasterKeyError, match="BUDWOOD_MASTER_KEY"):
        open_store().prepare("file")


def test_master_key_of_the_keyring_is_the_key(open_keyring):
    """
    A login that is stored in the file although there is a keyring is sealed by its master key, if it has one.
    """
    keys = parse_master_keys(new_master_key(), "keyring")
    write_keyring(keys)
    store = save()

    assert json.loads(read_secret_text(store))["key_id"] == keys.current.id
    assert not LoginKeys().path.exists()
    assert open_store().load(URL) == create_login()
    open_keyring.state = "locked"
    with pytest.raises(MasterKeyError, match="cannot be read"):
        open_store().load(URL)


def test_locked_keyring_does_not_prevent_a_login_in_the_file(open_keyring):
    """
    The key of the file seals it.
    """
    open_keyring.state = "locked"

    save()

    assert open_store().load(URL) == create_login()
    assert LoginKeys().path.exists()


def test_login_of_the_keyring_needs_no_key(open_keyring):
    """
    The system encrypts it.
    """
    save(place="keyring")

    assert open_store().load(URL) == create_login()
    assert not LoginKeys().path.exists()


def test_login_of_an_earlier_version_is_read_and_sealed_when_it_is_stored(folders):
    """
    It was text.
    """
    store = open_store()
    write_secret_text(store, create_login().model_dump_json())
    assert TOKENS[0] in store.path.read_text("utf-8")

    assert store.load(URL) == create_login()
    save()
    assert TOKENS[0] not in store.path.read_text("utf-8")


def test_login_of_another_server_cannot_be_opened(folders):
    """
    A copy of its text under another URL would send its tokens there.
    """
    store = save(OTHER)
    write_secret_text(store, read_secret_text(store))

    with pytest.raises(CredentialError, match="cannot be opened"):
        store.load(URL)


@given(st.data())
def test_changed_text_is_never_opened_as_another_login(data):
    """
    Whatever is cut off, changed or added. A change that does not matter, such as a space in the JSON, gives the same.
    """
    start = data.draw(st.integers(0, len(SEALED)))
    end = data.draw(st.integers(start, len(SEALED)))
    text = SEALED[:start] + data.draw(st.text(max_size=5)) + SEALED[end:]

    problem, found = "", TEXT
    try:
        found = unseal_login(text, URL, OneKey())
    except SealError as error:
        problem = str(error)

    assert found == TEXT
    assert not [token for token in TOKENS if token in problem]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "sealed", SEALED[:-20], SEALED, '{"version": 9}'])
def test_damaged_or_foreign_login_says_to_log_in_again(folders, text):
    """
    Also one that another machine has sealed.
    """
    store = save()
    write_secret_text(store, text)

    with pytest.raises(CredentialError, match="cannot be opened") as error:
        store.load(URL)
    assert error.value.hint == f"Log in again with `budwood login {URL}`."


@pytest.mark.parametrize("content", ["", "{", '{"keys": [{"provider": "other", "place": "keyring"}]}'])
def test_damaged_file_of_the_key_is_named(folders, content):
    """
    It is not replaced: it may be the key of other logins.
    """
    save()
    path = LoginKeys().path
    path.write_text(content, "utf-8")

    with pytest.raises(ConfigurationError, match=path.name) as error:
        open_store().prepare("file")
    assert "budwood login" in error.value.hint
    assert path.read_text("utf-8") == content


def test_key_that_others_may_read_becomes_private(folders):
    """
    With a warning.
    """
    save()
    path = LoginKeys().path
    path.chmod(0o644)

    with pytest.warns(UserWarning, match="other users could read"):
        open_store().load(URL)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_key_is_not_beside_the_logins_where_the_system_has_one_directory(folders, monkeypatch):
    """
    As on macOS and Windows.
    """
    monkeypatch.setenv("BUDWOOD_STATE_DIR", str(user_folder("config")))

    assert LoginKeys().path == folders / "config-keys" / "login-key.json"


def test_failed_write_keeps_the_old_login(folders, monkeypatch):
    """
    The file is replaced at once, or not at all.
    """
    store = save()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("budwood.atomic_files.os.replace", fail)
    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(ConfigurationError, match="No space left"):
        store.save(create_login().model_copy(update={"account": "bob"}), "file")

    assert open_store().load(URL).account == "ann"


def test_processes_create_one_key(folders):
    """
    Of those that find none at the same time.
    """
    program = "import sys; from budwood_server.client.logins.keys import LoginKeys; "
    program += "print('ready', flush=True); sys.stdin.readline(); print(LoginKeys().choose().id)"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    processes = [subprocess.Popen([sys.executable, "-c", program], **pipes) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()

    assert {process.communicate()[0].strip() for process in processes} == {LoginKeys().choose().id}


def test_key_file_that_cannot_be_written_is_named(folders):
    """
    With the folder to look at.
    """
    (folders / "state").write_text("not a folder", "utf-8")

    with pytest.raises(BudwoodError, match="cannot be written") as error:
        open_store().prepare("file")
    assert login_keys.FILE_NAME in str(error.value)


def test_missing_library_is_named(folders, monkeypatch):
    """
    With the command that installs it.
    """
    original = builtins.__import__

    def fail(name, *args, **kwargs):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(ConfigurationError, match="cryptography") as error:
        save()
    assert "pip install" in error.value.hint
