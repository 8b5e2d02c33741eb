"""Settings of backups and fallbacks, and the errors for invalid ones."""

import pytest

from budwood import (
    BudwoodError,
    ConfigurationError,
    CredentialError,
)
from tests.core.engine.scripted_endpoints import ledger, make_settings, provider

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fallbacks": ["one/m"]}, "asked already"),
        ({"fallbacks": ["three/n", "three/n"]}, "asked already"),
        ({"fallbacks": ["nowhere/x"]}, "nowhere"),
        ({"fallbacks": ["three"]}, "provider/model"),
        ({"fallback_on": ["NoSuchError"]}, "NoSuchError"),
        ({"weights": {"elsewhere": 1}}, "elsewhere"),
        ({"routing": "weighted", "weights": {"one": 0, "one#2": 0}}, "sum of weights"),
        ({"routing": "random"}, "routing"),
        ({"hedge": 0}, "must be 'p95', or a number"),
        ({"hedge": True}, "must be 'p95', or a number"),
        ({"fallbacks": "three/n"}, "must be a list"),
    ],
)
def test_invalid_options_are_reported_at_construction(make_asker, options, message):
    """
    Before anything is sent.
    """
    with pytest.raises(BudwoodError, match=message):
        make_asker(**options)


def test_fallback_without_a_key_is_reported_at_construction(make_asker, monkeypatch):
    """
    A fallback that could never answer is not discovered in an emergency.
    """
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(CredentialError, match=r"fallback openai/gpt-4\.1 cannot be used: openai: no API key"):
        make_asker(fallbacks=["openai/gpt-4.1"])


def test_backup_needs_an_address(make_asker):
    """
    An empty table is an error.
    """
    with pytest.raises(ConfigurationError, match=r"backups\[0\] does not say where"):
        make_asker(settings=make_settings(one=provider("one", backups=[{"label": "west"}])))


def test_backup_inherits_and_overrides(make_asker, endpoints):
    """
    It has the key and the headers of the provider, unless it has its own.
    """
    backups = [{"base_url": "http://two/v1"}, {"base_url": "http://five/v1", "api_key": "key-five", "label": "west"}]
    endpoints.script("one", 503).script("two", 503)
    settings = make_settings(one=provider("one", api_key="key-of-one", headers={"x-team": "a"}, backups=backups))

    reply = make_asker(settings=settings).ask()

    keys = [call.headers["authorization"] for call in endpoints.calls]
    assert keys == ["Bearer key-of-one", "Bearer key-of-one", "Bearer key-five"]
    assert {call.headers["x-team"] for call in endpoints.calls} == {"a"}
    assert ledger(reply)[-1] == ("one#west", 200)


def test_backups_can_be_an_argument(make_asker, endpoints):
    """
    They belong to the provider of the client's model.
    """
    endpoints.script("three", 503)

    reply = make_asker(model="three/m", backups=[{"base_url": "http://five/v1"}]).ask()

    assert ledger(reply) == [("three", 503), ("three#2", 200)]


@pytest.mark.parametrize("backups", ["http://five/v1", [5], [{"base_url": 5}], [{"colour": "red"}]])
def test_invalid_backups_are_reported_at_construction(make_asker, backups):
    """
    The error names the setting.
    """
    with pytest.raises(ConfigurationError, match="backups"):
        make_asker(model="three/m", backups=backups)
