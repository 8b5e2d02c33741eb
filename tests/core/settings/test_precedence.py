"""The order of precedence of the sources of settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from budwood.option_settings import Options
from budwood.settings import Settings, user_folder
from budwood.settings_sources import Source

SECRET = "sk-the-secret-of-this-test"
KEY = {"api_key": ("ACME_KEY", "ACME_OLD_KEY")}
SOURCES = [
    ("explicit", {"model": "a/explicit"}, "a/explicit"),
    ("BUDWOOD_MODEL", "a/environment", "a/environment"),
    ("dotenv", "BUDWOOD_MODEL=a/dotenv", "a/dotenv"),
    ("file", 'model = "a/file"', "a/file"),
    ("user", 'model = "a/user"', "a/user"),
]


@pytest.mark.parametrize("strongest", range(len(SOURCES)))
def test_order_of_precedence(strongest, load):
    """
    Argument, environment, .env, budwood.toml, the user's budwood.toml.
    """
    arguments = {name: value for name, value, _ in SOURCES[strongest:]}

    assert load(arguments.pop("explicit", None), **arguments).model == SOURCES[strongest][2]


def test_without_any_source_the_defaults_apply(load):
    """
    No configuration is required.
    """
    settings = load()

    assert (settings.model, settings.cache, settings.options) == (None, None, Options())
    assert settings.disabled == frozenset()


def test_sources_are_merged_key_by_key(load):
    """
    A source of higher precedence replaces only the keys that it has.
    """
    settings = load(
        {"options": {"retries": 1}},
        BUDWOOD_OPTIONS__TIMEOUT="20",
        dotenv="BUDWOOD_OPTIONS__REPAIRS=3\nBUDWOOD_OPTIONS__TIMEOUT=30",
        file="[options]\nretries = 9\nidle_timeout = 4.5",
        user='[options]\non_unsupported = "error"\nidle_timeout = 5.5',
    )

    assert settings.options == Options(retries=1, timeout=20, repairs=3, idle_timeout=4.5, on_unsupported="error")


@pytest.mark.parametrize(
    "source",
    [{"file": "cache = false"}, {"BUDWOOD_CACHE": "off"}, {"BUDWOOD_CACHE": "false"}, {"file": "cache = []"}],
)
def test_a_source_can_disable_the_cache_of_another(source, load):
    """
    A project has none although its user has one.
    """
    assert load(user='cache = "sqlite"').cache == "sqlite"
    assert not load(user='cache = "sqlite"', **source).cache


def test_instances_are_merged_key_by_key(load):
    """
    An instance may have its address in a file and its key in the environment.
    """
    settings = load(
        BUDWOOD_PROVIDERS__MY_VLLM__API_KEY=SECRET,
        file='[providers.my-vllm]\nplugin = "openai-compatible"\nbase_url = "http://file"\n[providers.other]',
        user='[providers.My_vLLM]\nbase_url = "http://user"\ncolour = "blue"',
    )

    assert settings.instance_settings("providers", "my.vllm") == {
        "plugin": "openai-compatible",
        "base_url": "http://file",
        "colour": "blue",
        "api_key": SECRET,
    }
    assert settings.instance_names("providers") == ["my-vllm", "other"]
    assert settings.instance_settings("providers", "mine") == {}


def test_tables_within_an_instance_are_merged_key_by_key(load):
    """
    A header in one source does not remove those of another, and no source is changed.
    """
    settings = load(
        {"providers": {"mine": {"headers": {"x-team": "a"}}}},
        BUDWOOD_PROVIDERS__MINE__HEADERS='{"x-team": "b", "x-job": "c"}',
        file='[providers.mine]\nheaders = { x-job = "d", x-site = "e" }\n',
    )

    for _ in range(2):
        headers = settings.instance_settings("providers", "mine")["headers"]
        assert headers == {"x-team": "a", "x-job": "c", "x-site": "e"}


def test_no_source_enables_what_another_disables(load):
    """
    The environment adds to the list of the file.
    """
    file = '[plugins]\ndisabled = ["groq"]\n'

    assert load(BUDWOOD_PLUGINS_DISABLED="Ollama", file=file).disabled == {"groq", "ollama"}
    assert load({"plugins": {"disabled": []}}, file=file).disabled == {"groq"}


def test_folder_environment_and_user_file_have_defaults(tmp_path, monkeypatch):
    """
    The defaults are the current folder, the process's environment and the user's configuration directory.
    """
    from platformdirs import user_config_path

    user_file = user_config_path("budwood") / "budwood.toml"
    assert Path.home() in user_file.parents  # the home folder of the test
    user_file.parent.mkdir(parents=True)
    user_file.write_text('cache = "memory"')
    tmp_path.joinpath("budwood.toml").write_text('model = "a/file"')
    monkeypatch.setenv("BUDWOOD_OPTIONS__RETRIES", "7")

    settings = Settings.load()

    assert (settings.model, settings.cache, settings.options.retries) == ("a/file", "memory", 7)


def test_merging_changes_no_source(load):
    """
    The dictionary that the program passes is not changed.
    """
    explicit = {"providers": {"Work": {"headers": {"a": "1"}}}, "options": {"retries": 1}}
    before = json.dumps(explicit)

    settings = load(explicit, file='[providers.work.headers]\nb = "2"\n[options]\nrepairs = 2')
    settings.instance_settings("providers", "work")["api_key"] = SECRET

    assert json.dumps(explicit) == before
    assert "api_key" not in settings.instance_settings("providers", "work")


def test_overriding_changes_no_source():
    """
    Sources can be used again.
    """
    weak = Source("weak", {"providers": {"a": {"x": 1}}, "options": {"retries": 1}})

    Settings(Source("strong", {"providers": {"a": {"y": 2}}, "options": {"retries": 2}}), weak)

    assert weak.tree == {"providers": {"a": {"x": 1}}, "options": {"retries": 1}}
    assert Settings(weak).options.retries == 1


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"ACME_KEY": "new", "ACME_OLD_KEY": "old"}, "new"),
        ({"ACME_KEY": "", "ACME_OLD_KEY": "old"}, "old"),
        ({"ACME_KEY": "vendor", "BUDWOOD_PROVIDERS__ACME__API_KEY": "ours"}, "ours"),
        ({"ACME_KEY": "environment", "dotenv": "ACME_KEY=dotenv"}, "environment"),
        ({"ACME_KEY": "environment", "dotenv": "BUDWOOD_PROVIDERS__ACME__API_KEY=dotenv"}, "environment"),
        ({"dotenv": "ACME_KEY=dotenv", "file": '[providers.acme]\napi_key = "file"'}, "dotenv"),
        ({"ACME_KEY": "vendor", "explicit": {"providers": {"acme": {"api_key": "explicit"}}}}, "explicit"),
        ({"file": '[providers.acme]\napi_key = "file"'}, "file"),
    ],
)
def test_vendors_variables_have_the_precedence_of_their_source(sources, expected, load):
    """
    They rank just below Budwood's own variables of the same source.
    """
    assert load(**sources).instance_settings("providers", "acme", KEY)["api_key"] == expected


def test_vendors_variables_apply_only_to_their_instance(load):
    """
    A key in the environment is used only by the instance that declares its variable.
    """
    assert load(ACME_KEY=SECRET).instance_settings("providers", "acme") == {}


KEYS = ("token", "key")
KEY_VARIABLES = {"token": ("ACME_TOKEN",), "key": ("ACME_KEY",)}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"ACME_TOKEN": "t", "ACME_KEY": "k"}, {"token": "t"}),
        ({"ACME_KEY": "k"}, {"key": "k"}),
        ({"ACME_TOKEN": "t", "file": "[providers.acme]\nkey = 'f'"}, {"token": "t"}),
        ({"ACME_TOKEN": "t", "BUDWOOD_PROVIDERS__ACME__KEY": "b"}, {"key": "b"}),
        ({"explicit": {"providers": {"acme": {"key": "e"}}}, "ACME_TOKEN": "t"}, {"key": "e"}),
        ({"explicit": {"providers": {"acme": {"other": "o"}}}, "ACME_TOKEN": "t"}, {"token": "t", "other": "o"}),
    ],
)
def test_exclusive_keys_of_one_source_replace_those_of_others(arguments, expected, load):
    """
    A key of one source is never combined with an exclusive key of another; of several variables the first counts.
    """
    assert load(**arguments).instance_settings("providers", "acme", KEY_VARIABLES, (KEYS,)) == expected


def test_user_without_a_home_folder_has_the_root_folder_as_home(monkeypatch):
    """A user id without a name and without HOME, as in containers, has settings and folders, and no error."""
    pwd = pytest.importorskip("pwd")

    def find_nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", find_nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert Settings.load(environment={}).model is None
    assert user_folder("cache") == Path("/.cache/budwood")
    assert user_folder("data") == Path("/.local/share/budwood")


@pytest.mark.parametrize("purpose", ["cache", "config", "data", "state"])
def test_a_variable_replaces_each_folder_of_the_user(purpose, monkeypatch, tmp_path):
    """
    The others stay. A relative path is one in the current folder.
    """
    others = {"cache", "config", "data", "state"} - {purpose}
    usual = {other: user_folder(other) for other in others}

    monkeypatch.setenv(f"BUDWOOD_{purpose.upper()}_DIR", "here")

    assert user_folder(purpose) == tmp_path / "here"
    assert {other: user_folder(other) for other in others} == usual
