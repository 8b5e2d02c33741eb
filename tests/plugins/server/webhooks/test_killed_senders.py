"""Servers and workers that are killed under load: each committed event arrives, and no other."""

from __future__ import annotations

import json
import os
import random
import signal

import pytest

from budwood_server.events.reading import format_id
from budwood_server.people.audit import EVENTS
from tests.plugins.server.databases import fetch
from tests.plugins.server.senders import Senders
from tests.plugins.server.serving import wait_until
from tests.plugins.server.webhooks.deployment import Deployment
from tests.plugins.server.webhooks.verifying import AFTER, DURING

pytestmark = pytest.mark.one_python

MESSAGES = [{"role": "user", "content": "Summarise: Grafting joins two plants."}]
ACT, COMMITTED = "during an act", "after the answer to an act"
MOMENTS = (ACT, COMMITTED, DURING, AFTER)
KILLS = 10
PROCESSES = 6
"""Two of each server, and two workers."""
SENDERS = 2
LEAD = 10
"""The number of events by which the endpoint may be behind while requests are sent."""


class Acts(Senders):
    """
    Creates and revokes keys, and sends calls.

    Args:
        deployment: The servers.
        key: A key for calls.

    Attributes:
        answered: The acts that were answered: their names, and the ids of the keys.
    """

    def __init__(self, deployment, key):
        super().__init__([server.url for server in deployment.servers], SENDERS)
        self._admin = {"authorization": f"Bearer {deployment.admin_key}"}
        self._caller = {"authorization": f"Bearer {key}"}
        self._endpoint = deployment.endpoint
        self.answered = []

    def send(self, connection, labels):
        label = self.new_label()
        if created := self.request(connection, "/api/keys", self._admin, {"name": label}, 201):
            self._note("key.create", created["id"])
            headers = self._caller | {"x-budwood-label": label}
            self.request(connection, "/v1/chat/completions", headers, {"model": "fast", "messages": MESSAGES}, 200)
            if self.request(connection, f"/api/keys/{created['id']}/revoke", self._admin, {}, 200):
                self._note("key.revoke", created["id"])
            labels.append(label)
        self._endpoint.wait_for(len(self.answered) - LEAD)

    def _note(self, action, target):
        self.answered.append((action, target))
        self.note_answer()


@pytest.mark.parametrize("rounds", [1, pytest.param(6, marks=pytest.mark.deep)])
def test_committed_events_arrive_although_processes_are_killed(tmp_path, fresh_databases, rounds):
    """
    They arrive at least once, signed, each with its own id in the order of the database, whoever is killed and when.

    Calls and their events are both recorded, or neither. Only processes that were killed are started again.
    """
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed: {seed}")  # noqa: T201 - pytest shows it if the test fails
    for number in range(rounds):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        url = fresh_databases(folder)
        with Deployment(folder, url) as deployment:
            acts, followed = kill_under_load(deployment, random.Random(seed + number))
        check_events(url, acts, followed)
        check_arrivals(url, deployment.endpoint)
        print(summarise(url, acts, deployment.endpoint))  # noqa: T201 - the figures of a proof


def kill_under_load(deployment, chance):
    """
    Kill processes at random moments, and return the acts, and the ids that a reader has seen meanwhile.
    """
    with deployment.servers[0].client(deployment.admin_key) as client:
        key = client.post("/api/keys", json={"name": "caller"}).json()["key"]
    moments = [*(MOMENTS * KILLS)[:KILLS]]
    chance.shuffle(moments)
    followed = []
    with Acts(deployment, key) as acts:
        first = {*deployment.list_running()}
        for moment in moments:
            acts.wait_for(chance.randint(1, 10))
            deployment.replace(kill_one(deployment, chance, moment))
            followed += follow(deployment.url, followed)
        deployment.wait_for_replacements()
    assert acts.statuses == []
    assert first - {*deployment.killed} <= {*deployment.list_running()}
    assert len(deployment.list_running()) == len(first) == PROCESSES
    for server in deployment.servers:  # they write their last records; the workers send the last events
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
    wait_until(lambda: not count_open(deployment.url))
    return acts, followed + follow(deployment.url, followed)


def kill_one(deployment, chance, moment):
    """
    Kill a process at a moment, and return its number.
    """
    if moment in (DURING, AFTER):
        return deployment.endpoint.kill_at(moment)
    killed = chance.choice(deployment.list_running())
    if moment == ACT:
        for _ in range(chance.randrange(20_000)):  # some milliseconds
            os.kill(killed, 0)
    return deployment.kill(killed)


def follow(url, seen):
    """
    Return the places after the last one that a reader has seen.
    """
    query = f"SELECT place FROM budwood_events WHERE place > {seen[-1] if seen else 0} ORDER BY place"
    return [place for (place,) in fetch(url, query)]


def count_open(url):
    """
    Return the number of events without a place, and of deliveries that have not ended.
    """
    [(waiting,)] = fetch(url, "SELECT count(*) FROM budwood_events WHERE place IS NULL")
    [(sent,)] = fetch(url, "SELECT count(*) FROM budwood_deliveries WHERE state IN ('waiting', 'sending')")
    return waiting + sent


def check_events(url, acts, followed):
    """
    Check that each act and each call has its event, and that a reader of places has missed none.
    """
    told = sorted(fetch(url, "SELECT type, subject FROM budwood_events WHERE type NOT LIKE 'inference.%'"))
    logged = fetch(url, "SELECT action, target FROM budwood_audit")
    assert told == sorted((EVENTS[action], target) for action, target in logged if action in EVENTS)
    assert {*acts.answered} <= {*logged}
    assert {target for action, target in acts.answered} <= {
        key for (key,) in fetch(url, "SELECT id FROM budwood_api_keys")
    }
    calls = sorted(fetch(url, "SELECT call FROM budwood_calls"))
    assert calls == sorted(fetch(url, "SELECT subject FROM budwood_events WHERE type LIKE 'inference.%'"))
    assert len(calls) > len(acts.answered) / 4
    assert followed == [*range(1, len(told) + len(calls) + 1)]


def check_arrivals(url, endpoint):
    """
    Check that each event has arrived, those whose sender was killed once more, and always with the same content.
    """
    assert endpoint.invalid == []
    events = fetch(url, "SELECT place, type, subject FROM budwood_events")
    bodies = {event: [json.loads(body) for body in found] for event, found in endpoint.bodies.items()}
    assert {event: (found[0]["type"], found[0]["subject"]) for event, found in bodies.items()} == {
        format_id(place): (kind, subject) for place, kind, subject in events
    }
    assert [event for event, found in endpoint.bodies.items() if len({*found}) != 1] == []
    assert [event for event, found in bodies.items() if found[0]["id"] != event] == []
    assert {*endpoint.interrupted} <= bodies.keys()
    assert fetch(url, "SELECT DISTINCT state FROM budwood_deliveries") == [("delivered",)]


def summarise(url, acts, endpoint):
    """
    Return the figures of a round.
    """
    [(committed,)] = fetch(url, "SELECT count(*) FROM budwood_audit WHERE action IN ('key.create', 'key.revoke')")
    figures = {
        "events": len(endpoint.bodies),
        "repeated": sum(len(found) > 1 for found in endpoint.bodies.values()),
        "interrupted": len(endpoint.interrupted),
        "acts committed without an answer": committed - len(acts.answered) - 1,
        "connections broken": len(acts.broken),
    }
    return ", ".join(f"{name}: {value}" for name, value in figures.items())
