"""Settings files and variables with common mistakes: read if their meaning is clear, otherwise explained."""

from __future__ import annotations

import codecs
import os
import sys

import pytest

from budwood import Client
from budwood.errors import BudwoodError, ConfigurationError
from budwood.settings import Settings
from budwood_generation import load_spec

MODEL = 'model = "offline/extractive"\n'
SPEC = 'output = "rows.jsonl"\nrows = 1\n'
DEEP_TABLE = f"[{'.'.join(['a'] * 3000)}]\nb = 1\n"
DEEP_LIST = f"a = {'[' * 3000}{']' * 3000}\n"
DEEP_INLINE = f"a = {'{b = ' * 3000}1{'}' * 3000}\n"
LONG_NUMBER = f"a = {'9' * 5000}\n"


def load(folder, environment=None, **options):
    """
    Load the settings of one folder and of these variables only.
    """
    return Settings.load(folder=folder, environment=environment or {}, user_file=folder / "user.toml", **options)


@pytest.mark.parametrize("name", ["budwood.toml", "user.toml"])
def test_a_settings_file_with_a_byte_order_mark_is_read(tmp_path, name):
    """
    A byte order mark, as some editors for Windows write it, is ignored.
    """
    tmp_path.joinpath(name).write_bytes(codecs.BOM_UTF8 + MODEL.encode())

    assert load(tmp_path).model == "offline/extractive"


def test_a_dotenv_with_a_byte_order_mark_is_read(tmp_path):
    """
    The byte order mark is not part of the first variable's name.
    """
    tmp_path.joinpath(".env").write_bytes(codecs.BOM_UTF8 + b"BUDWOOD_MODEL=offline/extractive\r\n")

    assert load(tmp_path).model == "offline/extractive"


@pytest.mark.parametrize("name", ["budwood.toml", ".env"])
def test_the_error_for_another_encoding_explains_how_to_save_the_file(tmp_path, name):
    """
    The error for a file in UTF-16 explains how to save it as UTF-8.
    """
    tmp_path.joinpath(name).write_bytes(MODEL.encode("utf-16"))

    with pytest.raises(ConfigurationError, match="Save the file as UTF-8"):
        load(tmp_path)


@pytest.mark.parametrize("text", [DEEP_TABLE, DEEP_LIST, DEEP_INLINE, LONG_NUMBER])
def test_an_extreme_settings_file_is_a_configuration_error(tmp_path, text):
    """
    3,000 nested tables or lists, and a number of 5,000 digits, raise an error that names the file.
    """
    tmp_path.joinpath("budwood.toml").write_text(text, "utf-8")

    with pytest.raises(ConfigurationError, match=r"budwood\.toml"):
        load(tmp_path)


@pytest.mark.parametrize("text", [DEEP_TABLE, DEEP_LIST, DEEP_INLINE, LONG_NUMBER])
def test_an_extreme_specification_is_a_configuration_error(tmp_path, text):
    """
    The same is true for specifications of datasets.
    """
    path = tmp_path / "spec.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError, match=r"spec\.toml"):
        load_spec(path)


def test_a_specification_with_a_byte_order_mark_is_read(tmp_path):
    """
    The error is about a key of the file, not about its first line.
    """
    path = tmp_path / "spec.toml"
    path.write_bytes(codecs.BOM_UTF8 + b"rowz = 1\n")

    with pytest.raises(ConfigurationError, match="unknown key 'rowz'"):
        load_spec(path)


@pytest.mark.parametrize(
    "environment",
    [
        {f"BUDWOOD_PROVIDERS__A{'__B' * 3000}": "x"},
        {f"BUDWOOD_MODELS{'__B' * 3000}": "x"},
        {f"BUDWOOD_OPTIONS{'__B' * 100}": "x"},
    ],
)
def test_a_variable_with_thousands_of_keys_is_a_configuration_error(tmp_path, environment):
    """
    The error starts with the name of the variable and is short.
    """
    with pytest.raises(ConfigurationError, match=r"BUDWOOD_[A-Z]+__") as caught:
        load(tmp_path, environment)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 3000, f'{{"a": {"9" * 5000}}}', '{"a":' * 3000 + "1" + "}" * 3000])
@pytest.mark.parametrize(
    "name", ["BUDWOOD_OPTIONS__RETRIES", "BUDWOOD_OPTIONS", "BUDWOOD_PROVIDERS__A", "BUDWOOD_CACHES"]
)
def test_a_variable_with_an_extreme_value_is_a_configuration_error(tmp_path, name, value):
    """
    Long numbers and deeply nested JSON raise ConfigurationError.
    """
    with pytest.raises(ConfigurationError):
        load(tmp_path, {name: value})


@pytest.mark.parametrize(
    "options", [{"retries": 10**5000}, {"timeout": 10**400}, {"timeout": 1e400}, {"retries": "9" * 5000}]
)
def test_an_extreme_argument_is_a_configuration_error(options):
    """
    The same is true for values in `settings=`.
    """
    with pytest.raises(ConfigurationError):
        Settings.load({"options": options})
    with pytest.raises(ConfigurationError):
        Client("offline/extractive", **options)


def test_settings_that_contain_themselves_are_a_configuration_error():
    """
    A dictionary that contains itself raises ConfigurationError.
    """
    circle: dict[str, object] = {}
    circle["a"] = circle

    with pytest.raises(ConfigurationError, match="nested too deeply"):
        Settings.load({"providers": {"x": circle}})


@pytest.mark.skipif(sys.platform == "win32", reason="variables are text there")
@pytest.mark.parametrize("name", ["BUDWOOD_MODEL", "BUDWOOD_PROVIDERS__OPENAI__BASE_URL", "OPENAI_BASE_URL"])
def test_a_variable_that_is_not_utf8_is_named(name):
    """
    Python reads such bytes as lone surrogates; the error names the variable.
    """
    environment = {name: os.fsdecode(b"http://caf\xe9.test"), "OPENAI_API_KEY": "key-of-the-test"}

    with pytest.raises(ConfigurationError, match=name):
        Client("openai/gpt-5", settings=Settings.load(environment=environment))


@pytest.mark.parametrize("setting", [{"base_url": "http://\ud800.test"}, {"base_url": "http://[::1/v1"}])
def test_an_invalid_base_url_argument_is_a_configuration_error(setting):
    """
    Lone surrogates and invalid brackets in a URL raise ConfigurationError.
    """
    with pytest.raises(BudwoodError):
        Client("openai/gpt-5", api_key="key-of-the-test", **setting).ask("Hi", retries=0)


@pytest.mark.parametrize("path", ["a\0b", "\ud800", None, 5.5])
def test_loading_a_chat_from_an_invalid_path_is_an_error(path):
    """
    Values that are not paths, and invalid file names, raise a BudwoodError.
    """
    with Client("offline/extractive") as client:
        with pytest.raises(ConfigurationError, match="Cannot read"):
            client.load_chat(path)
        with pytest.raises(ConfigurationError, match="Cannot write"):
            client.chat().save(path)


def test_a_saved_chat_with_a_byte_order_mark_is_loaded(tmp_path):
    """
    A byte order mark at the start of a saved chat is ignored.
    """
    path = tmp_path / "talk.json"
    with Client("offline/extractive") as client:
        client.chat(system="Be brief.").save(path)
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())

        assert client.load_chat(path).system == "Be brief."


def test_loading_a_specification_from_an_invalid_path_is_an_error():
    """
    The same is true for specifications.
    """
    with pytest.raises(ConfigurationError, match="null byte"):
        load_spec("a\0b")


@pytest.mark.parametrize("settings", ["budwood.toml", ["a"], 5, {"providers": {1: {}}}, {1: 2}, {"models": {5: {}}}])
def test_settings_of_another_type_are_a_configuration_error(settings):
    """
    `settings=` rejects lists, numbers, and keys that are not strings.
    """
    with pytest.raises(ConfigurationError):
        Client("offline/extractive", settings=settings)
