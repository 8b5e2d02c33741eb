from __future__ import annotations

import math

import pytest

from budwood import Client
from budwood.errors import ConfigurationError

ONE = {"requests_per_minute": 1}


def use_limits(**section):
    """
    Use a provider with a section of settings.
    """
    settings = {"providers": {"openai": {"api_key": "sk-test-secret", **section}}}
    with Client("openai/gpt-4o", settings=settings) as client:
        return client.capabilities()


@pytest.mark.parametrize("value", [0, -1, 0.5, 2.5, True, False, "many", "0", math.nan, math.inf, 10**400, [3]])
@pytest.mark.parametrize(
    "name", ["requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day", "concurrency"]
)
def test_limit_must_be_positive(name, value):
    """
    A limit of zero, or one that is not a whole number, is an error that says what to do.
    """
    with pytest.raises(ConfigurationError, match=rf"\[providers.openai\].*{name}.*leave it out for no limit"):
        use_limits(limits={name: value})


@pytest.mark.parametrize("value", [1, 7.0, "60", None])
def test_limit_may_be_text(value):
    """
    Environment variables contain numbers as text; None means no limit.
    """
    assert use_limits(limits={"tokens_per_minute": value})


@pytest.mark.parametrize("name", ["Mars/Base", "", "../../etc/passwd", "/etc/passwd", "Europe", "\0"])
def test_time_zone_must_exist(name):
    """
    An unknown time zone is an error that shows how to write one.
    """
    with pytest.raises(ConfigurationError, match=r"limits.timezone.*Europe/Oslo"):
        use_limits(limits={"requests_per_day": 5, "timezone": name})


@pytest.mark.parametrize("name", ["UTC", "Europe/Oslo", "America/New_York"])
def test_time_zones_are_known(name):
    """
    Time zones have the names of the IANA database.
    """
    assert use_limits(limits={"requests_per_day": 5, "timezone": name})


@pytest.mark.parametrize("pattern", ["", " "])
def test_pattern_must_not_be_empty(pattern):
    """
    An empty pattern, which would match no model, is an error that says what to write.
    """
    with pytest.raises(ConfigurationError, match=r"model_limits.*gpt-5\*"):
        use_limits(model_limits={"gpt-4*": ONE, pattern: ONE})


def test_unknown_limit_is_an_error():
    """
    A limit that is misspelt is not ignored.
    """
    with pytest.raises(ConfigurationError, match="did you mean requests_per_day or requests_per_minute"):
        use_limits(limits={"requests_per_hour": 5})


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"api_key": None, "keys": [{"secret": "sk-test", "lable": "a"}]}, r"'keys.0.lable' \(did you mean label\?\)"),
        (
            {"model_limits": {"keys": {"concurency": 1}}},
            r"'model_limits.keys.concurency' \(did you mean concurrency\?\)",
        ),
        ({"limits": 5}, "'limits': must be a table"),
        ({"model_limits": {"gpt-5*": 5}}, r"'model_limits.gpt-5\*': must be a table"),
        ({"backups": ["https://two.example"]}, "'backups.0': must be a table"),
    ],
)
def test_a_mistake_inside_a_table_is_explained(section, message):
    """
    The error names similar keys, and calls tables and lists by their names in a settings file.
    """
    with pytest.raises(ConfigurationError, match=message):
        use_limits(**section)
