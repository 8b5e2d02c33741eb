"""A database with calls, and evaluators with a clock that tests set."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from sqlalchemy import select

from budwood_server.alerts.evaluator import Evaluator
from budwood_server.alerts.rules import AlertRule
from budwood_server.alerts.store import AlertStore
from budwood_server.database.tables import EVENTS
from budwood_server.settings import EventSettings
from budwood_usage.database import add
from tests.plugins.server.databases import open_database
from tests.plugins.server.telemetry_calls import make_call

START = 1_775_000_000.0
POLL = 15.0

ERRORS = {"metric": "error_rate", "above": 0.5, "clear": 0.25, "window": "10m", "min_calls": 4}
"""A rule that starts with more than a half of failed calls, and ends with a quarter."""


class Recorded:
    """
    A stand-in for the calls of functions: it keeps them.
    """

    def __init__(self):
        self.calls = []

    def call(self, target, alert):
        self.calls.append((target, alert))


class Alarmed:
    """
    A database with an evaluator.

    Attributes:
        now: The time.
        rules: The rules of the settings.
    """

    def __init__(self, database, **rules):
        self.database = database
        self.now = START
        self.rules = {}
        self.set_rules(**rules)
        self.callbacks = Recorded()
        self.numbers = 0
        self.evaluator = self.create_evaluator()

    def set_rules(self, **rules):
        """
        Change the settings.
        """
        self.rules = {name: AlertRule.model_validate(fields) for name, fields in rules.items()}

    def create_evaluator(self, find_rules=None):
        """
        Return the evaluator of another process.
        """

        def find_settings():
            rules = self.rules if find_rules is None else find_rules()
            return SimpleNamespace(alerts=rules, events=EventSettings(alerts_poll=POLL))

        return Evaluator(self.database, find_settings, lambda: None, callbacks=self.callbacks, now=lambda: self.now)

    async def call(self, successes=0, failures=0, **fields):
        """
        Record calls that end now.
        """
        rows = []
        for number in range(successes + failures):
            self.numbers += 1
            error = ValueError() if number >= successes else None
            rows.append(make_call(self.numbers, time=self.now, error=error, **fields))
        async with self.database.write() as connection:
            await connection.run_sync(add, rows)

    async def check(self, seconds=POLL):
        """
        Check after some seconds, and return what has changed so far: pairs of the rule and the state.
        """
        self.now += seconds
        await self.evaluator.check()
        return [(data["rule"], data["state"]) for data in await self.read_events()]

    async def read_events(self):
        """
        Return the data of all events.
        """
        async with self.database.read() as connection:
            rows = await connection.execute(select(EVENTS).order_by(EVENTS.c.id))
            return [row["data"] for row in rows.mappings() if row["type"] == "alert.fired"]

    async def read_state(self, name="errors"):
        """
        Return the state of a rule.
        """
        return (await AlertStore(self.database).read())[name].state


def run_alarmed(url, scenario, **rules):
    """
    Run a coroutine function with a database that has no calls.
    """

    async def main():
        async with open_database(url) as database:
            return await scenario(Alarmed(database, **rules))

    return asyncio.run(main())
