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


def test_replies_are_in_the_order_of_the_prompts(make_client, echo):
    """
    The order does not depend on which reply is first, and errors are in the places of failed calls.
    """
    transport = ScriptedTransport()
    prompts = ["trouble" if number % 7 == 3 else str(number) for number in range(40)]
    for _ in prompts:
        transport.answer(echo)

    replies = make_client(transport=transport).ask_many(iter(prompts), concurrency=4).in_order()

    assert len(replies) == 40
    for prompt, reply in zip(prompts, replies, strict=True):
        if prompt == "trouble":
            assert isinstance(reply, InvalidRequestError)
            assert len(reply.attempts) == 1
        else:
            assert reply.text == f"you said {prompt}"


@pytest.mark.parametrize("prompts", [[], ["one"]])
def test_few_prompts_are_accepted(client, scripted, prompts, echo):
    """
    Lists of no prompt and of one prompt are accepted.
    """
    scripted.answer(echo)

    assert [reply.text for reply in client.ask_many(prompts).in_order()] == [f"you said {prompt}" for prompt in prompts]


def test_invalid_prompts_fail_alone(client, scripted, echo):
    """
    The error of a prompt that cannot be sent is in its place; others are sent.
    """
    scripted.answer(echo)

    empty, fine = client.ask_many(["", "fine"]).in_order()

    assert isinstance(empty, PromptError)
    assert fine.text == "you said fine"


def test_unexpected_exceptions_fail_one_item(client, scripted, echo):
    """
    An unexpected exception, for example of a transport, is chained to the error in the place of its item.
    """
    fault = ZeroDivisionError("a bug of somebody's")
    scripted.answer(echo).fail(fault).answer(echo)

    first, failed, last = client.ask_many(["1", "2", "3"], concurrency=1).in_order()

    assert (first.text, last.text) == ("you said 1", "you said 3")
    assert isinstance(failed, BudwoodError)
    assert failed.__cause__ is fault
    assert "ZeroDivisionError: a bug of somebody's" in str(failed)


def test_concurrency_is_at_least_one(client):
    """
    The concurrency must be a positive integer.
    """
    for concurrency in (0, "8", 1.5):
        with pytest.raises(ConfigurationError, match=f"concurrency must be .*got {concurrency!r}"):
            client.ask_many(["a"], concurrency=concurrency).in_order()


def test_prompts_run_concurrently_up_to_the_limit(make_client, echo):
    """
    As many requests run concurrently as allowed: fewer would not pass the barrier, and more are not observed.
    """
    barrier, lock = threading.Barrier(3), threading.Lock()
    active, most = 0, 0

    def reply_together(call):
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        barrier.wait()
        with lock:
            active -= 1
        return echo(call)

    transport = ScriptedTransport()
    for _ in range(9):
        transport.answer(reply_together)

    replies = make_client(transport=transport).ask_many(map(str, range(9)), concurrency=3).in_order()

    assert [reply.text for reply in replies] == [f"you said {number}" for number in range(9)]
    assert most == 3
