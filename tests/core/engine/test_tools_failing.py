"""Tools that fail or exceed the deadline."""

from __future__ import annotations

import asyncio

import pytest

from budwood.errors import RequestTimeoutError
from budwood_testing import chat_reply
from tests.core.engine.tool_calls import make_call_reply, read_tool_results, weather


class BrokenError(Exception):
    """An error of a tool."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BrokenError("the mast fell"), "BrokenError: the mast fell"),
        (KeyError("x"), "KeyError: 'x'"),
        (StopIteration("over"), "StopIteration: over"),
        (RuntimeError("half \ud83c"), "RuntimeError: half ?"),
    ],
)
def test_exceptions_of_tools_are_sent_to_the_model(client, async_client, scripted, error, expected):
    """
    The exception is the result of the call, marked as an error, and the loop continues.
    """

    def fails() -> str:
        raise error

    for _ in range(2):
        scripted.reply(body=make_call_reply(("fails", "{}"), ("weather", '{"city": "Oslo"}'))).reply(
            body=chat_reply("Sorry.")
        )

    for reply in (
        client.ask("?", tools=[fails, weather]),
        asyncio.run(async_client.ask("?", tools=[fails, weather])),
    ):
        assert reply.text == "Sorry."
        first, second = read_tool_results(scripted)
        assert first.endswith(expected)
        assert second == "10 C in Oslo"
        assert [result.is_error for result in reply.messages[1].tool_results] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("{", "EOF"),
        ("[1]", "not a JSON object but of the type list"),
        ("7", "not a JSON object"),
        ("{}", "city: Missing"),
        ('{"city": 5}', "city: Input should be a valid string"),
        ('{"city": "Oslo", "unit": "K"}', "unit: Input should be 'C' or 'F'"),
        ('{"city": "Oslo", "country": "Norway"}', "country: Unexpected keyword"),
    ],
)
def test_invalid_arguments_are_reported_to_the_model(client, scripted, arguments, expected):
    """
    Invalid arguments do not reach the function; the model receives the validation errors.
    """
    scripted.reply(body=make_call_reply(("weather", arguments))).reply(body=chat_reply("Sorry."))

    reply = client.ask("?", tools=[weather])

    assert expected in read_tool_results(scripted)[0]
    assert reply.messages[1].tool_results[0].is_error


def test_missing_arguments_are_an_empty_object(client, scripted):
    """
    Some models write no arguments for a tool without parameters.
    """

    def clock() -> str:
        return "noon"

    scripted.reply(body=make_call_reply(("clock", ""))).reply(body=chat_reply("Noon."))

    client.ask("?", tools=[clock])

    assert read_tool_results(scripted) == ["noon"]


def test_the_deadline_includes_tools(client, scripted, clock):
    """
    If a tool ends after the deadline, the call fails with an error that has the attempts.
    """

    def sleep_too_long() -> str:
        clock.sleep(2)
        return "late"

    scripted.reply(body=make_call_reply(("sleep_too_long", "{}")))

    with pytest.raises(RequestTimeoutError) as caught:
        client.ask("?", tools=[sleep_too_long], timeout=1.5)

    assert caught.value.phase == "deadline"
    assert len(caught.value.attempts) == len(scripted.calls) == 1


def test_no_tool_starts_after_the_deadline(client, scripted, clock):
    """
    A call that is approved too late does not run.
    """
    ran = []

    def act() -> None:
        ran.append("act")

    def approve(call) -> bool:
        clock.sleep(2)
        return True

    scripted.reply(body=make_call_reply(("act", "{}")))

    with pytest.raises(RequestTimeoutError):
        client.ask("?", tools=[act], approve=approve, timeout=1.5)

    assert ran == []


@pytest.mark.parametrize("endless", ["tool", "approve"])
def test_an_async_function_is_cancelled_at_the_deadline(async_client, scripted, endless):
    """
    Async tools and approvals are cancelled at the deadline.
    """
    cancelled = []

    async def wait() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(endless)
            raise
        return "never"

    async def approve(call) -> bool:
        return bool(await wait()) if endless == "approve" else True

    scripted.reply(body=make_call_reply(("wait", "{}")))

    with pytest.raises(RequestTimeoutError) as caught:
        asyncio.run(async_client.ask("?", tools=[wait], approve=approve, timeout=0.02))

    assert caught.value.phase == "deadline"
    assert cancelled == [endless]


def test_timeouts_inside_tools_are_reported_to_the_model(async_client, scripted):
    """
    A `TimeoutError` of the tool is reported like other exceptions.
    """

    async def fetch() -> str:
        raise TimeoutError("the page did not answer")

    scripted.reply(body=make_call_reply(("fetch", "{}"))).reply(body=chat_reply("A pity."))

    assert asyncio.run(async_client.ask("?", tools=[fetch])).text == "A pity."
    assert read_tool_results(scripted) == ["TimeoutError: the page did not answer"]


def test_a_failing_approval_rejects_the_call(client, scripted):
    """
    If the approval raises an exception, the call does not run, and the model receives the reason.
    """
    ran = []

    def act() -> None:
        ran.append("act")

    def approve(call) -> bool:
        raise EOFError("no input available")

    scripted.reply(body=make_call_reply(("act", "{}"))).reply(body=chat_reply("Then not."))

    assert client.ask("?", tools=[act], approve=approve).text == "Then not."
    assert ran == []
    assert read_tool_results(scripted) == [
        "This call was not allowed, because asking for approval failed: EOFError: no input available"
    ]
