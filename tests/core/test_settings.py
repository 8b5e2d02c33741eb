from __future__ import annotations

import json
import traceback
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr

from budwood.errors import ConfigurationError
from budwood.settings import Options, Settings, Source, validated

SECRET = "sk-the-secret-of-this-test"
KEY = {"api_key": ("ACME_KEY", "ACME_OLD_KEY")}


@pytest.fixture
def load(tmp_path):
    """
    Read settings from a folder of the test, its user's file, and no environment but the one that is given.
    """

    def read(explicit=None, *, dotenv=None, file=None, user=None, **environment):
        for name, text in ((".env", dotenv), ("budwood.toml", file), ("user.toml", user)):
            if text is not None:
                tmp_path.joinpath(name).write_text(text, "utf-8")
        return Settings.load(explicit, folder=tmp_path, environment=environment, user_file=tmp_path / "user.toml")

    return read


@pytest.fixture
def refused(load):
    """
    Read settings that cannot be used; return the error, which never holds the secret.
    """

    def read(*given, **more):
        with pytest.raises(ConfigurationError) as caught:
            load(*given, **more)
        assert SECRET not in everything_said(caught.value)
        return str(caught.value)

    return read


def everything_said(error):
    """
    Write an error down as tracebacks and loggers do: with its causes, as text and as code.
    """
    chain = [error]
    while (error := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        chain.append(error)
    return "".join(traceback.format_exception(chain[0])) + "".join(repr(link) + str(link) for link in chain)


# Precedence.

SOURCES = [
    ("explicit", {"model": "a/explicit"}, "a/explicit"),
    ("BUDWOOD_MODEL", "a/environment", "a/environment"),
    ("dotenv", "BUDWOOD_MODEL=a/dotenv", "a/dotenv"),
    ("file", 'model = "a/file"', "a/file"),
    ("user", 'model = "a/user"', "a/user"),
]


@pytest.mark.parametrize("strongest", range(len(SOURCES)))
def test_stronger_source_wins(strongest, load):
    """
    Argument > environment > .env > budwood.toml > the user's budwood.toml.
    """
    given = {name: value for name, value, _ in SOURCES[strongest:]}

    assert load(given.pop("explicit", None), **given).model == SOURCES[strongest][2]


def test_without_any_source_defaults_hold(load):
    """
    Nothing configured is no error.
    """
    settings = load()

    assert (settings.model, settings.cache, settings.options) == (None, None, Options())
    assert settings.disabled == frozenset()


def test_sources_are_merged_key_by_key(load):
    """
    A stronger source replaces what it names and leaves the rest.
    """
    settings = load(
        {"options": {"retries": 1}},
        BUDWOOD_OPTIONS__TIMEOUT="20",
        dotenv="BUDWOOD_OPTIONS__REPAIRS=3\nBUDWOOD_OPTIONS__TIMEOUT=30",
        file="[options]\nretries = 9\nidle_timeout = 4.5",
        user='[options]\non_unsupported = "error"\nidle_timeout = 5.5',
    )

    assert settings.options == Options(retries=1, timeout=20, repairs=3, idle_timeout=4.5, on_unsupported="error")


def test_instances_are_merged_key_by_key(load):
    """
    An instance may have its address in a file and its key in the environment.
    """
    settings = load(
        BUDWOOD_PROVIDERS__MY_VLLM__API_KEY=SECRET,
        file='[providers.my-vllm]\nplugin = "openai-compatible"\nbase_url = "http://file"\n[providers.other]',
        user='[providers.My_vLLM]\nbase_url = "http://user"\ncolour = "blue"',
    )

    assert settings.instance("providers", "my.vllm") == {
        "plugin": "openai-compatible",
        "base_url": "http://file",
        "colour": "blue",
        "api_key": SECRET,
    }
    assert settings.names("providers") == ["my-vllm", "other"]
    assert settings.instance("providers", "mine") == {}


def test_tables_within_an_instance_are_merged_key_by_key(load):
    """
    A header in a stronger source leaves the others where they are, and no source is changed.
    """
    settings = load(
        {"providers": {"mine": {"headers": {"x-team": "a"}}}},
        BUDWOOD_PROVIDERS__MINE__HEADERS='{"x-team": "b", "x-job": "c"}',
        file='[providers.mine]\nheaders = { x-job = "d", x-site = "e" }\n',
    )

    for _ in range(2):
        headers = settings.instance("providers", "mine")["headers"]
        assert headers == {"x-team": "a", "x-job": "c", "x-site": "e"}


def test_what_one_source_blocks_no_other_unblocks(load):
    """
    The environment adds to the list of the file.
    """
    file = '[plugins]\ndisabled = ["groq"]\n'

    assert load(BUDWOOD_PLUGINS_DISABLED="Ollama", file=file).disabled == {"groq", "ollama"}
    assert load({"plugins": {"disabled": []}}, file=file).disabled == {"groq"}


def test_folder_environment_and_user_file_have_defaults(tmp_path, monkeypatch):
    """
    By default they are the current folder, the process's environment and the user's configuration directory.
    """
    from platformdirs import user_config_path

    user_file = user_config_path("budwood") / "budwood.toml"
    assert Path.home() in user_file.parents  # the test's own home
    user_file.parent.mkdir(parents=True)
    user_file.write_text('cache = "memory"')
    tmp_path.joinpath("budwood.toml").write_text('model = "a/file"')
    monkeypatch.setenv("BUDWOOD_OPTIONS__RETRIES", "7")

    settings = Settings.load()

    assert (settings.model, settings.cache, settings.options.retries) == ("a/file", "memory", 7)


def test_merging_changes_no_source(load):
    """
    What the program handed in stays as it was.
    """
    explicit = {"providers": {"Work": {"headers": {"a": "1"}}}, "options": {"retries": 1}}
    before = json.dumps(explicit)

    settings = load(explicit, file='[providers.work.headers]\nb = "2"\n[options]\nrepairs = 2')
    settings.instance("providers", "work")["api_key"] = SECRET

    assert json.dumps(explicit) == before
    assert "api_key" not in settings.instance("providers", "work")


def test_stronger_source_does_not_write_into_a_weaker_one():
    """
    Sources can be used again.
    """
    weak = Source("weak", {"providers": {"a": {"x": 1}}, "options": {"retries": 1}})

    Settings(Source("strong", {"providers": {"a": {"y": 2}}, "options": {"retries": 2}}), weak)

    assert weak.tree == {"providers": {"a": {"x": 1}}, "options": {"retries": 1}}
    assert Settings(weak).options.retries == 1


# The environment.


@pytest.mark.parametrize(
    ("variable", "value", "instance", "wanted"),
    [
        ("BUDWOOD_PROVIDERS__WORK__API_KEY", "k", "work", {"api_key": "k"}),
        ("BUDWOOD_PROVIDERS__MY_VLLM__BASE_URL", "http://x", "my-vllm", {"base_url": "http://x"}),
        ("BUDWOOD_PROVIDERS__MY_VLLM", '{"base_url": "http://x"}', "my-vllm", {"base_url": "http://x"}),
        ("BUDWOOD_PROVIDERS", '{"My_vLLM": {"base_url": "http://x"}}', "my-vllm", {"base_url": "http://x"}),
        ("BUDWOOD_PROVIDERS__WORK__HEADERS", '{"a": "1"}', "work", {"headers": {"a": "1"}}),
        ("BUDWOOD_PROVIDERS__WORK__HEADERS__A", "1", "work", {"headers": {"a": "1"}}),
        ("BUDWOOD_PROVIDERS__WORK__LACKS", '["tools"]', "work", {"lacks": ["tools"]}),
        ("BUDWOOD_PROVIDERS__WORK__NAME", "{no json", "work", {"name": "{no json"}),
        ("BUDWOOD_PROVIDERS__WORK__API_KEY", "", "work", {}),
    ],
)
def test_variable_is_a_path_of_keys(variable, value, instance, wanted, load):
    """
    Double underscores part the keys, ``_`` stands for ``-`` in names, and lists and tables are JSON.
    """
    assert load(**{variable: value}).instance("providers", instance) == wanted


def test_variables_write_options(load):
    """
    Options have underscores of their own.
    """
    settings = load(BUDWOOD_OPTIONS__MAX_TOOL_ROUNDS="3", BUDWOOD_CACHE="sqlite", BUDWOOD_OPTIONS__IDLE_TIMEOUT="2.5")

    assert (settings.options.max_tool_rounds, settings.options.idle_timeout) == (3, 2.5)
    assert settings.cache == "sqlite"


@pytest.mark.parametrize("name", ["BUDWOOD_TEST_SERVER", "BUDWOOD_", "BUDWOOD___", "BUDWOODS_MODEL", "budwood_model"])
def test_variables_that_are_no_settings_are_left_alone(name, load):
    """
    Other programs may have variables that begin like ours.
    """
    assert load(**{name: "a/b"}).model is None


@pytest.mark.parametrize(
    ("value", "disabled"),
    [("groq", {"groq"}), ("Groq, my_vllm ,", {"groq", "my-vllm"}), ('["a,b", "c"]', {"a,b", "c"}), ("", set())],
)
def test_disabled_plugins_may_be_a_list_with_commas(value, disabled, load):
    """
    ``BUDWOOD_PLUGINS_DISABLED`` is short for the key of the section ``[plugins]``; names compare as all names do.
    """
    assert load(BUDWOOD_PLUGINS_DISABLED=value).disabled == disabled
    assert load(BUDWOOD_PLUGINS__DISABLED=value).disabled == disabled


def test_dotenv_is_read_as_it_is_written(load):
    """
    Quotes and comments are the file's, a dollar sign is no variable, and a name without a value says nothing.
    """
    settings = load(dotenv="# a comment\nexport BUDWOOD_MODEL='a/${HOME}'\nBUDWOOD_CACHE\nOTHER=1\n")

    assert (settings.model, settings.cache) == ("a/${HOME}", None)


# The vendors' own variables.


@pytest.mark.parametrize(
    ("sources", "wanted"),
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
def test_vendors_variables_have_the_place_of_their_source(sources, wanted, load):
    """
    The vendor's name for a key counts as ours does, just below it.
    """
    assert load(**sources).instance("providers", "acme", KEY)["api_key"] == wanted


def test_vendors_variables_count_only_where_they_are_asked_for(load):
    """
    A key in the environment belongs to the instance that knows its variable.
    """
    assert load(ACME_KEY=SECRET).instance("providers", "acme") == {}


# What cannot be used.


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("modle = 'a/b'", "unknown key 'modle' (did you mean model or models?)"),
        ("[options]\nretry = 1", "unknown key 'options.retry' (did you mean retries?)"),
        ("[optoins]\nretries = 1", "unknown key 'optoins' (did you mean options?)"),
        ("[plugins]\ndisable = []", "unknown key 'plugins.disable' (did you mean disabled?)"),
        ("[options]\nxyzzy = 1", "unknown key 'options.xyzzy' (known are attempt_timeout, connect_timeout, "),
        ("[provider.openai]\nx = 1", "unknown key 'provider' (did you mean providers?)"),
    ],
)
def test_typo_tells_the_file_and_the_near_match(file, said, refused, tmp_path):
    """
    The error names the source, the key with its section, and what was meant.
    """
    text = refused(file=file)

    assert said in text
    assert text.startswith(str(tmp_path / "budwood.toml"))


@pytest.mark.parametrize(
    ("sources", "where"),
    [
        ({"explicit": {"options": {"retrys": 1}}}, "arguments"),
        ({"BUDWOOD_OPTIONS__RETRYS": "1"}, "environment"),
        ({"dotenv": "BUDWOOD_OPTIONS__RETRYS=1"}, ".env"),
        ({"file": "[options]\nretrys = 1"}, "budwood.toml"),
        ({"user": "[options]\nretrys = 1"}, "user.toml"),
    ],
)
def test_typo_is_found_in_every_source(sources, where, refused):
    """
    Each source is checked by itself, so that the error can say which it was.
    """
    text = refused(**sources)

    assert where in text
    assert "options.retrys" in text


@pytest.mark.parametrize(
    "sources",
    [
        {"file": f"[options]\nretries = '{SECRET}'"},
        {"file": f"[options]\non_unsupported = '{SECRET}'"},
        {"file": f"providers = '{SECRET}'"},
        {"file": f"[providers]\nopenai = '{SECRET}'"},
        {"file": f"model = ['{SECRET}']"},
        {"file": f"[plugins]\ndisabled = {{ a = '{SECRET}' }}"},
        {"file": f"[providers.openai]\napi_key = '{SECRET}"},
        {"file": f"api_key = {SECRET}"},
        {"file": f"[providers.openai]\napi_key = '{SECRET}'\napi_key = '{SECRET}'"},
        {"BUDWOOD_OPTIONS__RETRIES": SECRET},
        {"BUDWOOD_OPTIONS": SECRET},
        {"BUDWOOD_PROVIDERS__OPENAI": SECRET},
        {"BUDWOOD_PROVIDERS": SECRET, "BUDWOOD_PROVIDERS__OPENAI__API_KEY": SECRET},
        {"BUDWOOD_PROVIDERS__OPENAI": SECRET, "BUDWOOD_PROVIDERS__OPENAI__API_KEY": SECRET},
        {"dotenv": f"BUDWOOD_OPTIONS__TIMEOUT={SECRET}"},
        {"explicit": {"options": {"timeout": SECRET}}},
    ],
)
def test_value_that_cannot_be_used_is_never_repeated(sources, refused):
    """
    A key in the wrong place does not reach the log by way of the error.
    """
    refused(**sources)


def test_file_that_is_not_utf8_is_an_error_without_its_content(load, tmp_path):
    """
    The bytes of the file stay out of the error and its causes.
    """
    tmp_path.joinpath("budwood.toml").write_bytes(f"[providers.openai]\napi_key = '{SECRET}' # caf".encode() + b"\xe9")

    with pytest.raises(ConfigurationError, match=r"budwood\.toml: ") as caught:
        load()

    assert SECRET not in everything_said(caught.value)


def test_dotenv_that_is_not_utf8_is_an_error_without_its_content(load, tmp_path):
    """
    The same for ``.env``.
    """
    tmp_path.joinpath(".env").write_bytes(f"OPENAI_API_KEY={SECRET} # caf".encode() + b"\xe9\n")

    with pytest.raises(ConfigurationError, match=r"\.env: ") as caught:
        load()

    assert SECRET not in everything_said(caught.value)


def test_folder_named_dotenv_is_left_alone(load, tmp_path):
    """
    Some keep their virtual environment under that name.
    """
    tmp_path.joinpath(".env").mkdir()

    assert load().model is None


def test_broken_toml_tells_where(refused):
    """
    The line is named.
    """
    assert "budwood.toml: no valid TOML" in refused(file="model =\n")
    assert "line 1" in refused(file="model =\n")


def test_folder_in_the_place_of_the_file_is_an_error(load, tmp_path):
    """
    What is there and cannot be read is not passed over.
    """
    tmp_path.joinpath("budwood.toml").mkdir()

    with pytest.raises(ConfigurationError, match="cannot be read"):
        load()


def test_value_and_table_of_one_name_are_told_by_the_variable(refused):
    """
    A variable that contradicts another one is named.
    """
    text = refused(BUDWOOD_PROVIDERS__WORK="x", BUDWOOD_PROVIDERS__WORK__API_KEY=SECRET)

    assert "BUDWOOD_PROVIDERS__WORK__API_KEY" in text


@pytest.mark.parametrize(
    "values",
    [
        {"retries": -1},
        {"retries": 101},
        {"retries": 1.5},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"connect_timeout": -1},
        {"idle_timeout": 0},
        {"on_unsupported": "ignore"},
        {"repairs": -1},
        {"max_tool_rounds": -1},
        {"max_retry_after": -1},
    ],
)
def test_impossible_options_are_refused(values, refused):
    """
    The error names the option.
    """
    assert f"'options.{next(iter(values))}'" in refused({"options": values})


def test_several_problems_are_told_at_once(refused):
    """
    Nobody has to try once for each mistake.
    """
    text = refused(file="modle = 'a'\n[options]\nretries = -1")

    assert "'modle'" in text
    assert "'options.retries'" in text


# Secrets.


def test_settings_and_their_sources_show_no_secret(load):
    """
    Printing them is safe: neither files nor variables are part of it.
    """
    settings = load(
        {"providers": {"a": {"api_key": SECRET}}},
        OPENAI_API_KEY=SECRET,
        BUDWOOD_PROVIDERS__A__API_KEY=SECRET,
        dotenv=f"OPENAI_API_KEY={SECRET}",
        file=f"[providers.a]\napi_key = '{SECRET}'",
    )

    assert SECRET not in f"{settings!r} {settings} {settings.sources!r} {settings.sources}"
    assert SECRET not in str(Source("a", {"api_key": SECRET}, {"A": SECRET}))


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")

    base_url: str
    api_key: SecretStr | None = None
    depth: int = 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "here: 'base_url' is missing."),
        ({"base_url": "x", "api_kee": SECRET}, "here: unknown key 'api_kee' (did you mean api_key?)."),
        ({"base_url": "x", "api_key": [SECRET]}, "here: 'api_key': input should be a valid string."),
        ({"base_url": "x", "depth": SECRET}, "here: 'depth': input should be a valid integer"),
    ],
)
def test_plugins_settings_are_refused_without_their_values(values, said):
    """
    A model that does not hide its input gives nothing away either.
    """
    with pytest.raises(ConfigurationError) as caught:
        validated(Sample, values, where="here")

    assert str(caught.value).startswith(said)
    assert SECRET not in everything_said(caught.value)


@given(st.dictionaries(st.text(max_size=12), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
def test_any_table_is_settings_or_a_configuration_error(tree):
    """
    No table crashes the reader with anything else.
    """
    with suppress(ConfigurationError):
        Settings(Source("any", tree))


VARIABLES = st.text("ABC_", max_size=12).map("BUDWOOD_{}".format) | st.sampled_from(
    ["BUDWOOD_PROVIDERS__A", "BUDWOOD_PROVIDERS__A__B", "BUDWOOD_PROVIDERS", "BUDWOOD_MODEL", "BUDWOOD_MODEL__A"]
)
VALUES = st.text(max_size=5) | st.sampled_from(["{}", "[]", "{", '{"a": {"b": 1}}', "[1"])


@given(st.dictionaries(VARIABLES, VALUES))
def test_any_environment_is_settings_or_a_configuration_error(tmp_path_factory, environment):
    """
    Whatever variables there are, whatever their order.
    """
    nowhere = tmp_path_factory.getbasetemp() / "nowhere"
    with suppress(ConfigurationError):
        Settings.load(folder=nowhere, environment=environment, user_file=nowhere / "budwood.toml")


KEYS = ("token", "key")
KEY_VARIABLES = {"token": ("ACME_TOKEN",), "key": ("ACME_KEY",)}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"ACME_TOKEN": "t", "ACME_KEY": "k"}, {"token": "t"}),
        ({"ACME_KEY": "k"}, {"key": "k"}),
        ({"ACME_TOKEN": "t", "file": "[providers.acme]\nkey = 'f'"}, {"token": "t"}),
        ({"ACME_TOKEN": "t", "BUDWOOD_PROVIDERS__ACME__KEY": "b"}, {"key": "b"}),
        ({"explicit": {"providers": {"acme": {"key": "e"}}}, "ACME_TOKEN": "t"}, {"key": "e"}),
        ({"explicit": {"providers": {"acme": {"other": "o"}}}, "ACME_TOKEN": "t"}, {"token": "t", "other": "o"}),
    ],
)
def test_of_exclusive_keys_the_strongest_source_has_its_own(given, wanted, load):
    """
    A key of a stronger source is not joined by another of a weaker one; of variables the first in order wins.
    """
    assert load(**given).instance("providers", "acme", KEY_VARIABLES, KEYS) == wanted
