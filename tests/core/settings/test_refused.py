"""Settings that cannot be used are refused, without showing a secret."""

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


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("modle = 'a/b'", "unknown key 'modle' (did you mean model or models?)"),
        ("[options]\nretry = 1", "unknown key 'options.retry' (did you mean retries?)"),
        ("[optoins]\nretries = 1", "unknown key 'optoins' (did you mean options?)"),
        ("[plugins]\ndisable = []", "unknown key 'plugins.disable' (did you mean disabled?)"),
        ("[options]\nxyzzy = 1", "unknown key 'options.xyzzy' (known keys: attempt_timeout, connect_timeout, "),
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
    assert "budwood.toml is not valid TOML" in refused(file="model =\n")
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
        validate_settings(Sample, values, where="here")

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
