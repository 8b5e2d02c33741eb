"""Settings in environment variables and .env."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("variable", "value", "instance", "expected"),
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
def test_variable_is_a_path_of_keys(variable, value, instance, expected, load):
    """
    Double underscores separate keys, ``_`` replaces ``-`` in names, and lists and tables are JSON.
    """
    assert load(**{variable: value}).instance_settings("providers", instance) == expected


def test_variables_set_options(load):
    """
    Options have single underscores in their names.
    """
    settings = load(BUDWOOD_OPTIONS__MAX_TOOL_ROUNDS="3", BUDWOOD_CACHE="sqlite", BUDWOOD_OPTIONS__IDLE_TIMEOUT="2.5")

    assert (settings.options.max_tool_rounds, settings.options.idle_timeout) == (3, 2.5)
    assert settings.cache == "sqlite"


@pytest.mark.parametrize("name", ["BUDWOOD_TEST_SERVER", "BUDWOOD_", "BUDWOOD___", "BUDWOODS_MODEL", "budwood_model"])
def test_variables_that_are_not_settings_are_ignored(name, load):
    """
    Other programs may use the same prefix.
    """
    assert load(**{name: "a/b"}).model is None


@pytest.mark.parametrize(
    ("value", "disabled"),
    [("groq", {"groq"}), ("Groq, my_vllm ,", {"groq", "my-vllm"}), ('["a,b", "c"]', {"a,b", "c"}), ("", set())],
)
def test_disabled_plugins_may_be_a_list_with_commas(value, disabled, load):
    """
    ``BUDWOOD_PLUGINS_DISABLED`` sets the key of the section ``[plugins]``; names are normalised.
    """
    assert load(BUDWOOD_PLUGINS_DISABLED=value).disabled == disabled
    assert load(BUDWOOD_PLUGINS__DISABLED=value).disabled == disabled


@pytest.mark.parametrize(
    ("value", "observers"),
    [("usage", ("usage",)), ("usage, prometheus", ("usage", "prometheus")), ('["usage"]', ("usage",)), ("[]", ())],
)
def test_observers_may_be_a_list_with_commas(value, observers, load):
    """
    ``BUDWOOD_OBSERVERS`` needs no JSON; an empty list turns the observers of a file off.
    """
    assert load(BUDWOOD_OBSERVERS=value, file='observers = ["other"]').observers == observers


def test_dotenv_is_read_as_it_is_written(load):
    """
    Quotes and comments are removed, a dollar sign is not expanded, and a name without a value is ignored.
    """
    settings = load(dotenv="# a comment\nexport BUDWOOD_MODEL='a/${HOME}'\nBUDWOOD_CACHE\nOTHER=1\n")

    assert (settings.model, settings.cache) == ("a/${HOME}", None)


def test_keys_of_the_server_keep_their_underscores(load):
    """
    The section is a table of settings, not one of instances.
    """
    settings = load(
        BUDWOOD_SERVER__MAX_BODY="2048", file='[server]\nvendor_names = false\n[server.models]\nmy_gpt = "a/b"\n'
    )

    assert settings.server == {"max_body": "2048", "vendor_names": False, "models": {"my_gpt": "a/b"}}
