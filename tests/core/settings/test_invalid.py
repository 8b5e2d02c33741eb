"""Invalid settings are rejected without showing a secret."""

from __future__ import annotations

import traceback
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr

from budwood.errors import ConfigurationError
from budwood.settings import Settings, validate_settings
from budwood.settings_sources import Source

SECRET = "sk-the-secret-of-this-test"


@pytest.fixture
def get_load_error(load):
    """
    Load settings that are not valid; return the error, which never contains the secret.
    """

    def read(*args, **more):
        with pytest.raises(ConfigurationError) as caught:
            load(*args, **more)
        assert SECRET not in get_full_text(caught.value)
        return str(caught.value)

    return read


def get_full_text(error):
    """
    Return the text of an error as tracebacks and loggers show it, with its causes.
    """
    chain = [error]
    while (error := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        chain.append(error)
    return "".join(traceback.format_exception(chain[0])) + "".join(repr(link) + str(link) for link in chain)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("modle = 'a/b'", "unknown key 'modle' (did you mean model or models?)"),
        ("[options]\nretry = 1", "unknown key 'options.retry' (did you mean retries?)"),
        ("[optoins]\nretries = 1", "unknown key 'optoins' (did you mean options?)"),
        ("[plugins]\ndisable = []", "unknown key 'plugins.disable' (did you mean disabled?)"),
        ("[options]\nxyzzy = 1", "unknown key 'options.xyzzy' (known keys: assume_output, attempt_timeout, "),
        ("[provider.openai]\nx = 1", "unknown key 'provider' (did you mean providers?)"),
    ],
)
def test_unknown_key_names_the_file_and_similar_keys(file, message, get_load_error, tmp_path):
    """
    The error has the source, the key with its section, and similar keys.
    """
    text = get_load_error(file=file)

    assert message in text
    assert text.startswith(str(tmp_path / "budwood.toml"))


@pytest.mark.parametrize(
    ("sources", "location"),
    [
        ({"explicit": {"options": {"retrys": 1}}}, "arguments"),
        ({"BUDWOOD_OPTIONS__RETRYS": "1"}, "environment"),
        ({"dotenv": "BUDWOOD_OPTIONS__RETRYS=1"}, ".env"),
        ({"file": "[options]\nretrys = 1"}, "budwood.toml"),
        ({"user": "[options]\nretrys = 1"}, "user.toml"),
    ],
)
def test_unknown_key_is_found_in_every_source(sources, location, get_load_error):
    """
    Each source is validated separately, so that the error can name it.
    """
    text = get_load_error(**sources)

    assert location in text
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
def test_invalid_value_is_never_quoted(sources, get_load_error):
    """
    A key in the wrong place does not appear in the log through an error.
    """
    get_load_error(**sources)


@pytest.mark.parametrize("value", ["3", "true", "{}", '["memory", 3]', '[""]'])
def test_a_cache_is_a_name_or_a_list_of_names(value, get_load_error):
    """
    The error says what the value may be.
    """
    text = get_load_error(file=f"cache = {value}")

    assert (
        "'cache': must be the name of a cache, a list of names, or false; settings of caches belong in [caches.NAME]"
        in text
    )


def test_file_that_is_not_utf8_is_an_error_without_its_content(load, tmp_path):
    """
    The bytes of the file are neither in the error nor in its causes.
    """
    tmp_path.joinpath("budwood.toml").write_bytes(f"[providers.openai]\napi_key = '{SECRET}' # caf".encode() + b"\xe9")

    with pytest.raises(ConfigurationError, match=r"budwood\.toml: ") as caught:
        load()

    assert SECRET not in get_full_text(caught.value)


def test_dotenv_that_is_not_utf8_is_an_error_without_its_content(load, tmp_path):
    """
    The same for ``.env``.
    """
    tmp_path.joinpath(".env").write_bytes(f"OPENAI_API_KEY={SECRET} # caf".encode() + b"\xe9\n")

    with pytest.raises(ConfigurationError, match=r"\.env: ") as caught:
        load()

    assert SECRET not in get_full_text(caught.value)


def test_folder_named_dotenv_is_ignored(load, tmp_path):
    """
    Some users have a virtual environment with that name.
    """
    tmp_path.joinpath(".env").mkdir()

    assert load().model is None


def test_invalid_toml_is_reported_with_its_line(get_load_error):
    """
    The error has the line.
    """
    assert "budwood.toml is not valid TOML" in get_load_error(file="model =\n")
    assert "line 1" in get_load_error(file="model =\n")


def test_folder_named_like_the_file_is_an_error(load, tmp_path):
    """
    A path that exists and cannot be read is not ignored.
    """
    tmp_path.joinpath("budwood.toml").mkdir()

    with pytest.raises(ConfigurationError, match="cannot be read"):
        load()


def test_variable_that_contradicts_another_is_named(get_load_error):
    """
    A key cannot be a value and a table.
    """
    text = get_load_error(BUDWOOD_PROVIDERS__WORK="x", BUDWOOD_PROVIDERS__WORK__API_KEY=SECRET)

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
def test_invalid_options_are_rejected(values, get_load_error):
    """
    The error names the option.
    """
    assert f"'options.{next(iter(values))}'" in get_load_error({"options": values})


def test_all_problems_are_reported_together(get_load_error):
    """
    Users can correct all of them at once.
    """
    text = get_load_error(file="modle = 'a'\n[options]\nretries = -1")

    assert "'modle'" in text
    assert "'options.retries'" in text


def test_settings_and_their_sources_show_no_secret(load):
    """
    Their representations contain neither files nor variables.
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
    ("values", "message"),
    [
        ({}, "here: 'base_url' is missing."),
        ({"base_url": "x", "api_kee": SECRET}, "here: unknown key 'api_kee' (did you mean api_key?)."),
        ({"base_url": "x", "api_key": [SECRET]}, "here: 'api_key': input should be a valid string."),
        ({"base_url": "x", "depth": SECRET}, "here: 'depth': input should be a valid integer"),
    ],
)
def test_invalid_plugin_settings_are_reported_without_their_values(values, message):
    """
    This includes models that do not hide their input.
    """
    with pytest.raises(ConfigurationError) as caught:
        validate_settings(Sample, values, where="here")

    assert str(caught.value).startswith(message)
    assert SECRET not in get_full_text(caught.value)


@given(st.dictionaries(st.text(max_size=12), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
def test_any_table_is_settings_or_a_configuration_error(tree):
    """
    Any table is valid or raises a configuration error.
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
    Any variables, in any order, are valid or raise a configuration error.
    """
    missing_folder = tmp_path_factory.getbasetemp() / "nowhere"
    with suppress(ConfigurationError):
        Settings.load(folder=missing_folder, environment=environment, user_file=missing_folder / "budwood.toml")
