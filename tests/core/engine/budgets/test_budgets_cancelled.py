"""Calls that are cancelled at any moment give their reservation back, or keep it if the request was sent."""

from __future__ import annotations

import asyncio

import pytest

from budwood import Client
from budwood.engine import Abandoned
from budwood.engine.drivers.effects import Close, Emit, Invoke, Open, Read, ReadAll
from budwood_testing import chat_chunks, chat_reply, sse

SETTINGS = {
    "providers": {"work": {"plugin": "openai", "api_key": "k"}},
    "models": {"work/*": {"prices": {"input": "2", "output": "8"}}},
}
BUDGETS = {
    "client": {"tokens": 10_000, "per": "client"},
    "day": {"tokens": 10_000, "per": "day"},
    "month": {"tokens": 10_000, "per": "month"},
}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
MAX_EFFECTS = 60


class Run:
    """
    Performs a flow up to one of its effects, and then cancels it there.

    Args:
        flow: The flow.
        transport: Sends requests.
        cancel_at: The number of the effect at which the caller leaves, from 0.
        is_performed: Whether that effect is performed nevertheless, as in a thread that cannot be stopped.
        error: What is thrown into the flow.
    """

    def __init__(self, flow, transport, cancel_at, *, is_performed, error):
        self._transport = transport
        self.effects = []
        self.is_cancelled = False
        try:
            effect = flow.send(None)
            while True:
                number, is_leaving = len(self.effects), len(self.effects) == cancel_at
                self.effects.append(effect)
                if is_leaving:
                    self.is_cancelled = True
                    if is_performed:
                        self._perform(effect)
                    effect = flow.throw(error())
                else:
                    effect = flow.send(self._perform(effect))
                assert number < MAX_EFFECTS
        except (StopIteration, error):
            pass

    def sent_before_the_end(self):
        """Return whether the request was sent, or was about to be."""
        return any(isinstance(effect, Open) for effect in self.effects)

    def _perform(self, effect):
        match effect:
            case Invoke():
                return effect.function()
            case Open():
                return self._transport.open(effect.call, effect.timing)
            case Read():
                return effect.exchange.read()
            case ReadAll():
                return effect.exchange.read_all(effect.limit)
            case Close():
                return effect.exchange.close()
            case Emit():
                return None


@pytest.mark.parametrize("how", [(Abandoned, False), (Abandoned, True), (asyncio.CancelledError, True)])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("cancel_at", range(16))
def test_cancelled_call_leaves_no_wrong_count(scripted, clock, cancel_at, streamed, how):
    """
    A request that was not sent costs nothing; one that was costs its usage, or its reservation if that is unknown.
    """
    client = Client("work/m", settings=SETTINGS, transport=scripted, clock=clock, budgets=BUDGETS)
    usage = {"id": "c", "choices": [], "usage": USAGE}
    if streamed:
        scripted.reply(chunks=sse(*chat_chunks(["Hi", " there"]), usage))
        flow = client._engine.stream("Hello", {"max_tokens": 1000}).flow
    else:
        scripted.reply(body=chat_reply("Hi", usage=USAGE))
        flow = client._engine.ask("Hello", {"max_tokens": 1000})

    error, is_performed = how
    run = Run(flow, scripted, cancel_at, is_performed=is_performed, error=error)

    spent = {state.spent for state in client.budgets()}
    assert len(spent) == 1, spent
    if not run.sent_before_the_end():
        assert spent == {0}
    elif not run.is_cancelled:
        assert spent == {1100}
    else:
        assert max(spent) == 1100 or 1256 < max(spent) < 1500


def test_calls_have_fewer_effects_than_are_tested(scripted, clock):
    """
    The test above reaches the end of the call.
    """
    client = Client("work/m", settings=SETTINGS, transport=scripted, clock=clock, budgets=BUDGETS)
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    run = Run(client._engine.ask("Hello", {}), scripted, None, is_performed=False, error=Abandoned)

    assert 5 < len(run.effects) < 16
