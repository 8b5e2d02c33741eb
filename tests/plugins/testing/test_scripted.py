"""Scripted transports: recorded calls and delays."""

from __future__ import annotations

import asyncio
import math

import pytest

from budwood.errors import PromptError, RequestTimeoutError
from budwood.types import BodyFile, HTTPCall, Timing
from budwood.wire.multipart import FormField, encode_form
from budwood_testing import AsyncFaultyTransport, FakeClock, Fault, FaultyTransport, ParsedField, ScriptedTransport


def timing(clock, head=None, deadline=100.0):
    """
    Create the timing of a call that starts now.
    """
    now = clock.monotonic()
    return Timing(
        connect_timeout=1, idle_timeout=1, deadline=now + deadline, head_deadline=None if head is None else now + head
    )


def open_both(script, call, bounds):
    """
    Open a call as `Client` does, and as `AsyncClient` does.
    """
    return lambda: script.open(call, bounds), lambda: asyncio.run(script.asynchronous.open(call, bounds))


def test_sent_form_is_parsed(tmp_path):
    """
    `sent_form` returns the fields of a form, with the content that files had when it was sent.
    """
    file = tmp_path / "a.wav"
    file.write_bytes(b"RIFF")
    form = encode_form([FormField("model", "m"), FormField("file", BodyFile(file), content_type="audio/wav")])
    script = ScriptedTransport().reply()

    script.open(
        HTTPCall(method="POST", url="http://x", headers={"Content-Type": form.content_type}, body=form.body),
        timing(FakeClock()),
    )
    file.unlink()

    assert script.sent_form() == [ParsedField("model", b"m"), ParsedField("file", b"RIFF", "a.wav", "audio/wav")]


def test_call_without_a_form_is_an_error():
    """
    `sent_form` fails if the call has no form.
    """
    script = ScriptedTransport().reply()
    script.open(HTTPCall(method="POST", url="http://x", body=b"{}"), timing(FakeClock()))

    with pytest.raises(AssertionError, match="not a multipart form"):
        script.sent_form()


def test_missing_file_is_an_error(tmp_path):
    """
    A missing file raises the same error as in a real transport.
    """
    script = ScriptedTransport().reply()

    with pytest.raises(PromptError, match="nothing"):
        script.open(
            HTTPCall(method="POST", url="http://x", body=(BodyFile(tmp_path / "nothing"),)), timing(FakeClock())
        )

    assert script.calls == []


@pytest.mark.parametrize(
    ("delay", "head", "phase", "elapsed"),
    [(math.inf, 5.0, "head", 5.0), (math.inf, None, "deadline", 100.0), (7.0, 5.0, "head", 5.0)],
)
def test_deadlines_limit_a_scripted_delay(delay, head, phase, elapsed):
    """
    A delayed reply ends at the head deadline or the deadline of the call.
    """
    for number in range(2):
        clock = FakeClock()
        script = ScriptedTransport(clock=clock).reply(delay=delay)
        started = clock.monotonic()
        opens = open_both(script, HTTPCall(method="GET", url="http://x"), timing(clock, head))

        with pytest.raises(RequestTimeoutError) as caught:
            opens[number]()

        assert caught.value.phase == phase
        assert caught.value.retryable == (phase == "head")
        assert clock.monotonic() - started == elapsed


def test_scripted_delay_uses_the_clock():
    """
    A delayed reply arrives after its delay, for which the script needs a clock.
    """
    clock = FakeClock()
    script = ScriptedTransport(clock=clock).reply(204, delay=3.0).reply(delay=3.0)

    assert script.open(HTTPCall(method="GET", url="http://x"), timing(clock, 5.0)).head.status == 204
    assert clock.slept == [3.0]

    script.clock = None
    with pytest.raises(AssertionError, match="clock"):
        script.open(HTTPCall(method="GET", url="http://x"), timing(clock, 5.0))


def test_head_deadline_limits_a_delay_fault():
    """
    The head deadline applies to delays of faults, as in a real transport.
    """
    clock = FakeClock()
    call, bounds = HTTPCall(method="GET", url="http://x"), timing(clock, 5.0)
    script = ScriptedTransport().reply()
    faults = [Fault.delayed(7.0)]
    with pytest.raises(RequestTimeoutError) as caught:
        FaultyTransport(script, faults, clock=clock).open(call, bounds)
    assert caught.value.phase == "head"

    with pytest.raises(RequestTimeoutError) as caught:
        asyncio.run(AsyncFaultyTransport(script.asynchronous, faults, clock=clock).open(call, timing(clock, 5.0)))
    assert caught.value.phase == "head"
