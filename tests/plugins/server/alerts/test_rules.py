"""Rules in the settings."""

from __future__ import annotations

import json

import pytest

from budwood import Settings
from budwood.errors import ConfigurationError
from budwood_server.alerts.rules import AlertRule, dump_rule, load_rule
from budwood_server.settings import load_server_settings


def load(folder=None, **rules):
    """
    Return the rules of settings of a program, or of a file in a folder.
    """
    return load_server_settings(Settings.load({"server": {"alerts": rules}}, folder=folder)).alerts


@pytest.mark.parametrize(
    ("fields", "clear"),
    [
        ({"metric": "error_rate", "above": 0.5}, 0.45),
        ({"metric": "success_rate", "below": 0.9}, 0.91),
        ({"metric": "success_rate", "below": 1}, 1.0),
        ({"metric": "p95_latency", "above": 20}, 18.0),
        ({"metric": "calls", "below": 10}, 11.0),
        ({"metric": "error_rate", "below": 1}, 1.0),
        ({"metric": "cost", "above": 0}, 0.0),
        ({"metric": "cost", "above": 50, "clear": 50}, 50.0),
    ],
)
def test_alert_ends_at_some_distance(fields, clear):
    """
    By default it is a tenth of the threshold, or what the rule says.
    """
    rule = load(mine=fields)["mine"]

    assert rule.clear_value == pytest.approx(clear)
    assert rule.is_clear(rule.clear_value)
    assert not rule.is_beyond(rule.clear_value)


@pytest.mark.parametrize(("text", "seconds"), [("5m", 300.0), ("1h", 3600.0), ("1d", 86400.0), (90, 90.0)])
def test_times_are_texts_or_seconds(text, seconds):
    """
    As elsewhere in commands.
    """
    rule = load(mine={"metric": "calls", "above": 1, "window": text, "for": text})["mine"]

    assert (rule.window, rule.hold) == (seconds, seconds)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "calls"}, "set either above or below"),
        ({"metric": "calls", "above": 1, "below": 2}, "set either above or below"),
        ({"metric": "error_rate", "above": 5}, "write 0.05 for 5 %"),
        ({"metric": "error_rate", "above": 0.5, "clear": 0.6}, "the other side"),
        ({"metric": "success_rate", "below": 0.5, "clear": 0.4}, "the other side"),
        ({"metric": "latency", "above": 5}, "'p95_latency'"),
        ({"metric": "calls", "above": 1, "window": "soon"}, "'30s', '5m'"),
        ({"metric": "calls", "above": 1, "window": 1}, "window"),
        ({"metric": "calls", "above": 1, "to": ["mail"]}, '"module:function"'),
        ({"metric": "calls", "above": 1, "to": ["os:system();"]}, '"module:function"'),
        ({"metric": "calls", "above": 1, "fro": "1m"}, "Did you mean|did you mean"),
        ({"metric": "calls", "above": float("nan")}, "finite"),
    ],
)
def test_mistakes_are_refused(fields, message):
    """
    The error names the rule.
    """
    with pytest.raises(ConfigurationError, match=message) as caught:
        load(mine=fields)
    assert "alerts.mine" in str(caught.value)


def test_alerts_need_records():
    """
    Without records of calls, no rule would ever start.
    """
    rule = {"metric": "calls", "above": 1}
    with pytest.raises(ConfigurationError, match="usage = true"):
        load_server_settings(Settings.load({"server": {"usage": False, "alerts": {"mine": rule}}}))


FILE = '[server.alerts.mine]\nmetric = "calls"\nabove = 1\nto = ["log", "pager:send"]\n'


def test_functions_of_the_current_folder_are_refused(tmp_path):
    """
    A file there may be the work of others. One that the user names, or the user's own, may name functions.
    """
    (tmp_path / "budwood.toml").write_text(FILE)

    with pytest.raises(ConfigurationError, match=r"server\.alerts\.mine: a function is named by") as caught:
        load(tmp_path)
    assert "--settings" in caught.value.hint
    settings = Settings.load(folder=tmp_path / "none", user_file=tmp_path / "budwood.toml")
    assert load_server_settings(settings).alerts["mine"].callbacks == ("pager:send",)


def test_stored_rules_have_no_functions():
    """
    What somebody writes to the database is never called.
    """
    fields = {"metric": "calls", "above": 1, "for": "1m", "team": "red", "to": ["event", "pager:send"]}
    rule = AlertRule.model_validate(fields)
    stored = json.loads(json.dumps(dump_rule(rule)))

    assert load_rule(stored) == rule.model_copy(update={"to": ("event",)})
    assert load_rule(stored | {"to": ["os:system"]}) is None
    assert load_rule({"metric": "of another version"}) is None
