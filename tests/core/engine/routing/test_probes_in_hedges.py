"""Hedges beside a request that probes an endpoint."""

from __future__ import annotations

import random
from types import SimpleNamespace

from budwood.engine.drivers.effects import Wait
from budwood.engine.endpoints.health import FAILURES_TO_OPEN, Health
from budwood.engine.routing.hedging import Contender, Hedge
from budwood.errors import ServerError
from budwood_testing import FakeClock


class Route:
    """
    A route without another endpoint.
    """

    def take_for_hedge(self, call):
        return None


def make_hedge(clock, health):
    """
    Return the flow of a second request, and the requests that it has sent.
    """
    sent = []

    def send(contender):
        sent.append(contender)
        yield Wait(None, 0.0)

    call = SimpleNamespace(clock=clock, timing=SimpleNamespace(deadline=2000.0))
    route = Route()
    hedge = Hedge(send, lambda target: target, call, route)
    hedge._compete = send
    target = SimpleNamespace(endpoint=SimpleNamespace(health=health))
    return hedge._ask_second(Contender(target, is_hedge=True), clock.now + 1.0), sent, route


def test_a_probe_is_not_hedged():
    """
    While the first request probes the only endpoint, no second one is sent, and the probe remains the only one.
    """
    clock, health = FakeClock(), Health()
    for _ in range(FAILURES_TO_OPEN):
        health.fail(ServerError("No."), clock.now, clock.now, random.Random(0))
    clock.advance(10)
    flow, sent, route = make_hedge(clock, health)
    health.acquire(clock.now, route)

    assert isinstance(flow.send(None), Wait)
    clock.advance(1.0)
    effect = flow.send(False)

    assert (sent, effect.deadline) == ([], 2000.0)
    flow.close()
    assert not health.acquire(clock.now, "another call")


def test_a_working_endpoint_is_hedged():
    """
    The second request goes to the same endpoint if there is no other.
    """
    clock = FakeClock()
    flow, sent, _ = make_hedge(clock, Health())

    flow.send(None)
    clock.advance(1.0)
    flow.send(False)

    assert [contender.is_hedge for contender in sent] == [True]
