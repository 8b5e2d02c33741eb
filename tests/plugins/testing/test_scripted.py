"""Scripts: what they remember of calls, and how they let time pass."""

from __future__ import annotations

import asyncio
import math

import pytest

from budwood.errors import PromptError, RequestTimeoutError
from budwood.types import BodyFile, HTTPCall, Timing
from budwood.wire.multipart import FormField, encode_form
from budwood_testing import AsyncFaultyTransport, FakeClock, Fault, FaultyTransport, ScriptedTransport, SentField


def timing(clock, head=None, deadline=100.0):
    """
    Say how long a call that begins now may take.
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


def test_form_that_was_sent_can_be_read(tmp_path):
    """
    With the content that its files had when it was sent.
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

    assert script.sent_form() == [SentField("model", b"m"), SentField("file", b"RIFF", "a.wav", "audio/wav")]


def test_call_without_a_form_is_said():
    """
    Rather than that nothing was sent.
    """
    script = ScriptedTransport().reply()
    script.open(HTTPCall(method="POST", url="http://x", body=b"{}"), timing(FakeClock()))

    with pytest.raises(AssertionError, match="no form"):
        script.sent_form()


def test_file_that_is_missing_is_not_sent(tmp_path):
    """
    A script fails as a transport does that carries calls.
    """
    script = ScriptedTransport().reply()

    with pytest.raises(PromptError, match="nothing"):
        script.open(
            HTTPCall(method="POST", url="http://x", body=(BodyFile(tmp_path / "nothing"),)), timing(FakeClock())
        )

    assert script.calls == []


@pytest.mark.parametrize(
    ("pause", "head", "phase", "passed"),
    [(math.inf, 5.0, "head", 5.0), (math.inf, None, "deadline", 100.0), (7.0, 5.0, "head", 5.0)],
)
def test_pause_of_a_script_ends_at_the_deadlines(pause, head, phase, passed):
    """
    A reply that does not begin is given up when the head must have come, or when the call is over.
    """
    for number in range(2):
        clock = FakeClock()
        script = ScriptedTransport(clock=clock).reply(pause=pause)
        started = clock.monotonic()
        opens = open_both(script, HTTPCall(method="GET", url="http://x"), timing(clock, head))

        with pytest.raises(RequestTimeoutError) as caught:
            opens[number]()

        assert caught.value.phase == phase
        assert caught.value.retryable == (phase == "head")
        assert clock.monotonic() - started == passed


def test_pause_of_a_script_passes():
    """
    A reply that begins in time comes after its pause, which needs a clock.
    """
    clock = FakeClock()
    script = ScriptedTransport(clock=clock).reply(204, pause=3.0).reply(pause=3.0)

    assert script.open(HTTPCall(method="GET", url="http://x"), timing(clock, 5.0)).head.status == 204
    assert clock.slept == [3.0]

    script.clock = None
    with pytest.raises(AssertionError, match="clock"):
        script.open(HTTPCall(method="GET", url="http://x"), timing(clock, 5.0))


def test_fault_that_delays_ends_at_the_head_deadline():
    """
    As over a transport that carries calls.
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
