"""Alerts that start and end, with a clock that tests set."""

from __future__ import annotations

import asyncio

from jsonschema import Draft202012Validator
from sqlalchemy import select
from structlog.testing import capture_logs

from budwood_server.alerts import evaluator
from budwood_server.alerts.measures import Measures
from budwood_server.alerts.store import LEASE_SECONDS, AlertStore
from budwood_server.database.tables import EVENTS
from budwood_server.events.schemas import describe_data
from tests.plugins.server.alerts.alarmed import ERRORS, POLL, START, run_alarmed

FIRING, ENDED = ("errors", "firing"), ("errors", "ended")


def test_starts_once_and_ends_once(database_url):
    """
    There is one event for the start and one for the end, however often the rule is checked.
    """

    async def scenario(alarmed):
        await alarmed.call(successes=4, failures=4)
        assert await alarmed.check() == []
        await alarmed.call(failures=2)
        assert await alarmed.check() == [FIRING]
        for _ in range(5):
            assert await alarmed.check() == [FIRING]
        await alarmed.call(successes=14)
        assert await alarmed.check() == [FIRING, ENDED]
        assert await alarmed.check() == [FIRING, ENDED]
        started, ended = await alarmed.read_events()
        for data in (started, ended):
            Draft202012Validator(describe_data("alert.fired")).validate(data)
        expected = {"metric": "error_rate", "condition": "above", "threshold": 0.5, "clear": 0.25, "window": 600.0}
        assert {name: started[name] for name in expected} == expected
        assert (started["value"], started["calls"], started["reason"]) == (0.6, 10, None)
        assert (ended["value"], ended["calls"], ended["reason"]) == (0.25, 24, "cleared")
        assert started["since"] == ended["since"] == "2026-03-31T23:33:50Z"

    run_alarmed(database_url, scenario, errors=ERRORS)


def test_does_not_flap_between_the_thresholds(sqlite_url):
    """
    A value that goes to and fro around the threshold, but not back to the other one, is one alert.
    """

    async def scenario(alarmed):
        await alarmed.call(successes=4, failures=5)
        for successes, failures in ((2, 0), (0, 2), (2, 0), (0, 2)):  # from 0.45 to 0.6
            assert await alarmed.check() == [FIRING]
            await alarmed.call(successes, failures)
        assert await alarmed.check() == [FIRING]

    run_alarmed(sqlite_url, scenario, errors=ERRORS)


def test_few_calls_do_not_start_it(sqlite_url):
    """
    A call that fails at night is below `min_calls`. Once it fires, few calls do not end it, and none does.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=3)
        assert await alarmed.check() == []
        assert (await alarmed.read_state()).value == 1.0
        await alarmed.call(failures=1)
        assert await alarmed.check() == [FIRING]
        await alarmed.check(seconds=500)
        await alarmed.call(failures=1)
        assert await alarmed.check(seconds=120) == [FIRING]
        assert (await alarmed.read_state()).calls == 1
        assert await alarmed.check(seconds=700) == [FIRING, ENDED]
        assert [data["reason"] for data in await alarmed.read_events()] == [None, "no_calls"]

    run_alarmed(sqlite_url, scenario, errors=ERRORS)


def test_nothing_happens_without_calls(sqlite_url):
    """
    A rate without calls is not known. A sum is 0.
    """

    async def scenario(alarmed):
        assert await alarmed.check() == [("silent", "firing")]
        assert (await alarmed.read_state()).value is None
        await alarmed.call(successes=2)
        assert await alarmed.check() == [("silent", "firing"), ("silent", "ended")]

    rules = {"errors": {"metric": "success_rate", "below": 0.9}, "silent": {"metric": "calls", "below": 1}}
    run_alarmed(sqlite_url, scenario, **rules)


def test_value_must_hold(sqlite_url):
    """
    With `for`, a value that is back too early starts nothing; nor do checks before and after a long gap.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=4)
        assert await alarmed.check() == []
        assert (await alarmed.read_state()).pending == alarmed.now
        await alarmed.call(successes=4)
        await alarmed.check()
        assert (await alarmed.read_state()).pending is None
        await alarmed.call(failures=1)
        await alarmed.check()
        await alarmed.check(seconds=200)  # no process was there
        assert (await alarmed.read_state()).pending == alarmed.now
        await alarmed.check(seconds=30)
        assert await alarmed.check(seconds=29) == []
        assert await alarmed.check(seconds=16) == [FIRING]

    run_alarmed(sqlite_url, scenario, errors=ERRORS | {"for": "1m"})


def test_window_slides(sqlite_url):
    """
    Calls leave the window in its time, give or take a sixtieth of it.
    """

    async def scenario(alarmed):
        await alarmed.call(successes=3, failures=3, cost="1.5")
        assert await alarmed.check() == [("cost", "firing")]
        assert (await alarmed.read_state("cost")).value == 9.0
        assert await alarmed.check(seconds=3600 - 2 * POLL - 60) == [("cost", "firing")]
        assert await alarmed.check(seconds=2 * POLL + 60) == [("cost", "firing"), ("cost", "ended")]

    run_alarmed(sqlite_url, scenario, cost={"metric": "cost", "above": 8.5, "window": "1h"})


def test_metrics_and_filters(database_url):
    """
    Each metric is measured of the calls that a rule selects.
    """

    async def scenario(alarmed):
        await alarmed.call(successes=19, seconds=1.0)
        await alarmed.call(successes=2, seconds=9.0, team="blue", key="k2", model="best")
        await alarmed.call(failures=4, seconds=50.0, label="nightly")
        await alarmed.check()
        values = {name: (await alarmed.read_state(name)).value for name in alarmed.rules}
        assert values == {
            "all": 25.0,
            "rate": 0.84,
            "latency": 9.0,
            "red": 23.0,
            "best": 2.0,
            "nightly": 4.0,
            "vendor": 25.0,
            "nobody": 0.0,
            "tokens": 300.0,
        }

    def count(**filters):
        return {"metric": "calls", "above": 1000} | filters

    rules = {
        "all": count(),
        "rate": {"metric": "success_rate", "below": 0.1},
        "latency": {"metric": "p95_latency", "above": 100},
        "red": count(team="red", key="k1"),
        "best": count(model="best"),
        "nightly": count(label="nightly"),
        "vendor": count(provider="vendor", vendor_model="vendor/gpt-5", vendor_key="default"),
        "nobody": count(user="ada"),
        "tokens": {"metric": "tokens", "above": 1000},
    }
    run_alarmed(database_url, scenario, **rules)


def test_restart_keeps_the_state(database_url):
    """
    Another process goes on with what the database has, and tells nothing again.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=4)
        await alarmed.check()
        alarmed.evaluator = alarmed.create_evaluator()
        assert await alarmed.check() == [FIRING]
        assert (await alarmed.read_state()).fired == START + POLL
        await alarmed.call(successes=12)
        assert await alarmed.check() == [FIRING, ENDED]

    run_alarmed(database_url, scenario, errors=ERRORS)


def test_several_processes_tell_each_change_once(database_url):
    """
    They check at the same time, again and again.
    """

    async def scenario(alarmed):
        evaluators = [alarmed.create_evaluator() for _ in range(4)]
        for successes, failures in ((0, 4), (12, 0), (0, 30), (100, 0)):
            await alarmed.call(successes, failures)
            for _ in range(3):
                alarmed.now += POLL
                await asyncio.gather(*(each.check() for each in evaluators))
        told = [(data["rule"], data["state"]) for data in await alarmed.read_events()]
        assert [state for rule, state in told if rule == "errors"] == ["firing", "ended"] * 2
        assert sorted(told) == sorted([(name, state) for name in alarmed.rules for state in ("firing", "ended") * 2])
        assert len(alarmed.callbacks.calls) == len(told)

    run_alarmed(database_url, scenario, **{name: ERRORS | {"to": ["event", "a:b"]} for name in ("errors", "b", "c")})


def test_worker_that_died_leaves_its_claim_to_others(sqlite_url):
    """
    After the end of the lease, another process checks. What the first one finds later does not count.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=4)
        slow = alarmed.create_evaluator()
        await AlertStore(alarmed.database).add({"errors"})
        claims = [(await AlertStore(alarmed.database).read())["errors"]]
        (claim,) = await AlertStore(alarmed.database).claim(claims, alarmed.now)
        assert await alarmed.check(seconds=LEASE_SECONDS - 1) == []
        assert await alarmed.check(seconds=1) == [FIRING]
        await slow._check(claim, alarmed.rules["errors"], POLL)
        assert await alarmed.check() == [FIRING]

    run_alarmed(sqlite_url, scenario, errors=ERRORS)


def test_clock_that_was_wrong_holds_up_nothing(sqlite_url):
    """
    A check that is planned for much later comes from a machine whose clock is ahead.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=4)
        alarmed.now += 1e6
        await alarmed.evaluator.check()
        alarmed.now -= 1e6
        assert await alarmed.check() == [FIRING]

    run_alarmed(sqlite_url, scenario, errors=ERRORS)


def test_changed_rules_apply(sqlite_url):
    """
    A higher threshold ends an alert; a rule about something else ends it and starts anew.
    """

    async def scenario(alarmed):
        await alarmed.call(successes=3, failures=4)
        assert await alarmed.check() == [FIRING]
        alarmed.set_rules(errors=ERRORS | {"above": 0.9, "clear": 0.8})
        assert await alarmed.check() == [FIRING, ENDED]
        alarmed.set_rules(errors=ERRORS)
        assert await alarmed.check() == [FIRING, ENDED, FIRING]
        alarmed.set_rules(errors={"metric": "calls", "above": 5})
        assert await alarmed.check() == [FIRING, ENDED] * 2
        assert await alarmed.check() == [FIRING, ENDED] * 2 + [FIRING]
        *_, ended, started = await alarmed.read_events()
        assert (ended["metric"], ended["reason"], ended["value"]) == ("error_rate", "rule_changed", 4 / 7)
        assert (started["metric"], started["value"]) == ("calls", 7.0)

    run_alarmed(sqlite_url, scenario, errors=ERRORS)


def test_removed_rule_ends_its_alert(database_url):
    """
    It ends once, after a while in which no process has checked it: another one may still have the rule.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=4)
        await alarmed.check()
        rules = alarmed.rules
        old, others = alarmed.create_evaluator(lambda: rules), [alarmed.create_evaluator() for _ in range(3)]
        alarmed.set_rules()
        for _ in range(20):
            alarmed.now += POLL
            await old.check()
            assert await alarmed.check(seconds=0) == [FIRING]
        for _ in range(9):
            alarmed.now += POLL
            await asyncio.gather(*(each.check() for each in others))
        assert await alarmed.check() == [FIRING, ENDED]
        assert (await alarmed.read_events())[-1]["reason"] == "rule_removed"
        assert await AlertStore(alarmed.database).read() == {}

    run_alarmed(database_url, scenario, errors=ERRORS | {"window": "1h"})


def test_rule_says_who_is_told(sqlite_url):
    """
    The log, an event and a function, or only some of them. The state is kept in any case.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=4)
        with capture_logs() as log:
            assert await alarmed.check() == [("event", "firing")]
        assert [(entry["event"], entry["log_level"], entry["rule"]) for entry in log] == [
            ("alert fires", "warning", "log")
        ]
        ((target, alert),) = alarmed.callbacks.calls
        assert (target, alert["rule"], alert["state"]) == ("pager:send", "function", "firing")
        for name in alarmed.rules:
            assert (await alarmed.read_state(name)).fired == alarmed.now

    targets = {"log": ["log"], "event": ["event"], "function": ["pager:send"], "nobody": []}
    run_alarmed(sqlite_url, scenario, **{name: ERRORS | {"to": to} for name, to in targets.items()})


def test_event_of_an_alert_of_a_team_is_the_teams(sqlite_url):
    """
    Keys of the team see it. Other alerts are about calls of all.
    """

    async def scenario(alarmed):
        await alarmed.call(failures=4)
        await alarmed.check()
        async with alarmed.database.read() as connection:
            rows = (await connection.execute(select(EVENTS.c.subject, EVENTS.c.owner))).all()
        assert {*map(tuple, rows)} == {("errors", None), ("red", "team-red"), ("own", "key-k1")}

    rules = {"errors": ERRORS, "red": ERRORS | {"team": "red", "key": "k1"}, "own": ERRORS | {"key": "k1"}}
    run_alarmed(sqlite_url, scenario, **rules)


def test_stop_waits_for_the_check_under_way(sqlite_url, monkeypatch):
    """
    Then the next process need not wait for the end of its lease. No other check begins.
    """
    measure = Measures.measure

    async def scenario(alarmed):
        is_measuring, may_measure, count = asyncio.Event(), asyncio.Event(), 0

        async def wait(*arguments):
            nonlocal count
            count += 1
            is_measuring.set()
            await may_measure.wait()
            return await measure(*arguments)

        monkeypatch.setattr(Measures, "measure", wait)
        await alarmed.call(failures=4)
        alarmed.evaluator.start()
        await is_measuring.wait()
        closing = asyncio.create_task(alarmed.evaluator.close())
        await asyncio.sleep(0)
        may_measure.set()
        await closing
        assert [(data["rule"], data["state"]) for data in await alarmed.read_events()] == [FIRING]
        assert count == 1

    run_alarmed(sqlite_url, scenario, errors=ERRORS)


def test_stop_does_not_wait_for_ever(sqlite_url, monkeypatch):
    """
    A database that does not answer does not hold up the end of a process.
    """

    async def scenario(alarmed):
        is_measuring = asyncio.Event()

        async def hang(*_):
            is_measuring.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(Measures, "measure", hang)
        monkeypatch.setattr(evaluator, "STOP_SECONDS", 0.01)
        alarmed.evaluator.start()
        await is_measuring.wait()
        await alarmed.evaluator.close()
        assert await alarmed.read_events() == []

    run_alarmed(sqlite_url, scenario, errors=ERRORS)
