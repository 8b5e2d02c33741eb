from __future__ import annotations

import threading

import pytest

from budwood.errors import (
    BudwoodError,
    ConfigurationError,
    InvalidRequestError,
    PromptError,
)
from budwood_testing import ScriptedTransport


def test_many_prompts_are_answered_in_their_order(make_client, echo):
    """
    Replies stand in the order of the prompts whoever was first, and a failed one is its error in its place.
    """
    transport = ScriptedTransport()
    prompts = ["trouble" if number % 7 == 3 else str(number) for number in range(40)]
    for _ in prompts:
        transport.answer(echo)

    replies = make_client(transport=transport).ask_many(iter(prompts), concurrency=4)

    assert len(replies) == 40
    for prompt, reply in zip(prompts, replies, strict=True):
        if prompt == "trouble":
            assert isinstance(reply, InvalidRequestError)
            assert len(reply.attempts) == 1
        else:
            assert reply.text == f"you said {prompt}"


@pytest.mark.parametrize("prompts", [[], ["one"]])
def test_few_prompts_are_many_too(client, scripted, prompts, echo):
    """
    None and one are no special cases.
    """
    scripted.answer(echo)

    assert [reply.text for reply in client.ask_many(prompts)] == [f"you said {prompt}" for prompt in prompts]


def test_an_error_before_sending_stands_in_its_place_too(client, scripted, echo):
    """
    A prompt that cannot be sent costs only itself.
    """
    scripted.answer(echo)

    empty, fine = client.ask_many(["", "fine"])

    assert isinstance(empty, PromptError)
    assert fine.text == "you said fine"


def test_a_fault_that_nobody_foresaw_costs_only_its_own_item(client, scripted, echo):
    """
    An exception that is none of ours, say of a transport, stands chained in the place of its item.
    """
    fault = ZeroDivisionError("a bug of somebody's")
    scripted.answer(echo).fail(fault).answer(echo)

    first, failed, last = client.ask_many(["1", "2", "3"], concurrency=1)

    assert (first.text, last.text) == ("you said 1", "you said 3")
    assert isinstance(failed, BudwoodError)
    assert failed.__cause__ is fault
    assert "ZeroDivisionError: a bug of somebody's" in str(failed)


def test_concurrency_is_at_least_one(client):
    """
    A concurrency of 0 would never end; it is an integer.
    """
    for concurrency in (0, "8", 1.5):
        with pytest.raises(ConfigurationError, match=f"concurrency must be .*got {concurrency!r}"):
            client.ask_many(["a"], concurrency=concurrency)


def test_many_prompts_run_side_by_side_up_to_the_limit(make_client, echo):
    """
    As many requests are under way as was said: fewer would never pass the barrier, and more are never seen.
    """
    barrier, lock = threading.Barrier(3), threading.Lock()
    under_way, most = 0, 0

    def meet(call):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        barrier.wait()
        with lock:
            under_way -= 1
        return echo(call)

    transport = ScriptedTransport()
    for _ in range(9):
        transport.answer(meet)

    replies = make_client(transport=transport).ask_many(map(str, range(9)), concurrency=3)

    assert [reply.text for reply in replies] == [f"you said {number}" for number in range(9)]
    assert most == 3
