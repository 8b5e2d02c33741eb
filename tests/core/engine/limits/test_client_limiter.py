"""The limiter of a client, and the one inside the process that replaces it."""

from __future__ import annotations

import pytest
import structlog
from pydantic import BaseModel
from structlog.testing import capture_logs

from budwood import logs
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Abandoned, Invoke
from budwood.engine.endpoints.shared_state import SharedState
from budwood.engine.limits.client_limiter import RETRY_SECONDS, ClientLimiter
from budwood.errors import PluginFaultError, PluginNotFoundError
from budwood.hooks import LIMITER, LimiterSpec
from budwood.plugins import InstalledPlugin, Instances, Inventory, Registry
from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood.types import Claim, Denial
from tests.plugins.testing.mutants.registering import registry_of

SLOT = Claim("slots", "concurrency", 1)


class NoSettings(BaseModel):
    """
    There is nothing to set.
    """


class RemoteLimiter:
    """
    A limiter that grants everything, until it fails.
    """

    def __init__(self, settings, context):
        self.calls = []
        self.error = None
        self.closed = False

    def note(self, *call):
        """
        Record a call, or fail.
        """
        if self.error is not None:
            raise self.error
        self.calls.append(call)

    def reserve(self, ticket, claims):
        return self.note("reserve", ticket)

    def settle(self, ticket, claims, amounts):
        self.note("settle", ticket, dict(amounts))

    def cancel(self, ticket, claims):
        self.note("cancel", ticket)

    def correct(self, claim, remaining, delay):
        self.note("correct", claim.key, remaining, delay)

    def close(self):
        self.closed = True


@pytest.fixture
def remote():
    """
    The limiter that the settings name.
    """
    return RemoteLimiter(None, None)


@pytest.fixture
def make(remote, clock):
    """
    Make the limiter of a client by the name in its settings.
    """
    spec = LimiterSpec(
        name="remote", settings=lambda: NoSettings, build=lambda *_: remote, requires_api=(2, 0), summary="Fails."
    )
    (plugin,) = registry_of(LIMITER, spec).inventory.find(LIMITER, "remote")
    local = InstalledPlugin(LIMITER, "local", "budwood.limiting", "budwood", "1.0")
    found = {(LIMITER.group, "remote"): (plugin,), (LIMITER.group, "local"): (local,)}

    def make_one(name="remote", state=None, limiter=None):
        instances = Instances(
            Settings(Source("a test", {"limiter": name})), Registry(inventory=Inventory(found)), clock
        )
        return ClientLimiter(instances, state or SharedState(), limiter)

    return make_one


@pytest.fixture
def run(clock):
    """
    Perform a flow, and return its result.
    """
    return BlockingDriver(lambda: None, clock).run


@pytest.fixture
def log():
    """
    The lines of the log.
    """
    logs.configure_logging()
    with capture_logs() as lines:
        yield lines
    structlog.reset_defaults()


class KnowingLimiter(RemoteLimiter):
    """
    A limiter that counts some limits in memory, and tells which.
    """

    def is_inline(self, ticket, claims):
        return (ticket is None or not ticket.startswith("slow")) and all(claim.key == "fast" for claim in claims)


def is_inline(flow):
    """
    Perform a flow with one effect, and return whether that may run on an event loop.
    """
    effect = next(flow)
    with pytest.raises(StopIteration):
        flow.send(effect.function())
    return effect.inline


def test_clients_of_a_process_share_the_limiter_inside_it(make, run):
    """
    A slot that one client holds is not available to another one.
    """
    state = SharedState()
    first, second = make("local", state), make("local", state)

    assert run(first.reserve("first", [SLOT])) is None
    assert run(second.reserve("second", [SLOT])) == Denial(SLOT, None, 0.0)


def test_failing_limiter_is_replaced_with_one_warning(make, run, remote, log):
    """
    Limits inside the process hold in its place, and the warning is not repeated.
    """
    limiter = make()
    remote.error = OSError("no connection")

    assert run(limiter.reserve("first", [SLOT])) is None
    assert run(limiter.reserve("second", [SLOT])).claim is SLOT
    assert [(line["event"], line["log_level"]) for line in log] == [("limiter failed", "warning")]
    assert log[0]["limiter"] == "remote"


def test_failed_limiter_is_asked_again_and_used_again(make, run, remote, log, clock):
    """
    Until then it is left alone; after its recovery there may be another warning.
    """
    limiter = make()
    remote.error = OSError("no connection")
    run(limiter.reserve("first", []))
    remote.error = None
    run(limiter.reserve("second", []))
    assert remote.calls == []

    clock.advance(RETRY_SECONDS)
    run(limiter.reserve("third", []))
    run(limiter.reserve("fourth", []))
    remote.error = OSError("no connection")
    run(limiter.reserve("fifth", []))

    assert [call for call in remote.calls if call[0] == "reserve"] == [("reserve", "third"), ("reserve", "fourth")]
    assert [line["event"] for line in log] == ["limiter failed", "limiter available again", "limiter failed"]


def test_limiter_that_fails_again_is_not_reported_again(make, run, remote, log, clock):
    """
    It was never available in between.
    """
    limiter = make()
    remote.error = OSError("no connection")
    for _ in range(3):
        run(limiter.reserve("first", []))
        clock.advance(RETRY_SECONDS)

    assert len(log) == 1


def test_ticket_is_settled_where_it_was_granted(make, run, remote, clock):
    """
    Also if the other limiter is in use by then.
    """
    limiter = make()
    remote.error = OSError("no connection")
    run(limiter.reserve("local", [SLOT]))
    remote.error = None
    clock.advance(RETRY_SECONDS)
    run(limiter.reserve("remote", [SLOT]))
    run(limiter.settle("local", [SLOT], {}))
    run(limiter.settle("remote", [SLOT], {"slots": 1}))
    remote.error = OSError("no connection")

    assert [call for call in remote.calls if call[0] == "settle"] == [("settle", "remote", {"slots": 1})]
    assert run(limiter.reserve("next", [SLOT])) is None


def test_waiting_ticket_leaves_the_limiter_that_it_no_longer_asks(make, run, remote, clock):
    """
    Its place inside the process blocks no other ticket after it was granted elsewhere.
    """
    limiter = make()
    remote.error = OSError("no connection")
    run(limiter.reserve("holder", [SLOT]))
    run(limiter.reserve("waiting", [SLOT]))
    remote.error = None
    clock.advance(RETRY_SECONDS)
    run(limiter.reserve("waiting", [SLOT]))
    run(limiter.settle("holder", [SLOT], {}))
    remote.error = OSError("no connection")

    assert run(limiter.reserve("next", [SLOT])) is None


def test_failures_after_a_grant_are_not_raised(make, run, remote, log):
    """
    The reply is there: an attempt must not fail because its use cannot be recorded.
    """
    limiter = make()
    run(limiter.reserve("first", [SLOT]))
    remote.error = OSError("no connection")
    run(limiter.settle("first", [SLOT], {}))
    run(limiter.correct(SLOT, 0, None))
    run(limiter.cancel("first", [SLOT]))

    assert len(log) == 1


def test_tickets_are_ended_when_the_limiter_answers_again(make, run, remote, clock):
    """
    Those that could not be settled, and those whose answer may have been lost; but not one that asks again first.
    """
    limiter = make()
    run(limiter.reserve("settled", [SLOT]))
    remote.error = OSError("no connection")
    run(limiter.settle("settled", [SLOT], {"slots": 1}))
    clock.advance(RETRY_SECONDS)
    run(limiter.reserve("lost", [SLOT]))
    clock.advance(RETRY_SECONDS)
    run(limiter.reserve("repeated", [SLOT]))
    remote.error = None
    remote.calls.clear()
    clock.advance(RETRY_SECONDS)
    run(limiter.reserve("repeated", [SLOT]))

    assert remote.calls == [("reserve", "repeated"), ("settle", "settled", {"slots": 1}), ("cancel", "lost")]


def test_other_errors_are_faults_of_the_plugin(make, run, remote):
    """
    The call fails with an error that names the plugin.
    """
    limiter = make()
    remote.error = ValueError("broken")

    with pytest.raises(PluginFaultError, match="remote"):
        run(limiter.reserve("first", [SLOT]))


def test_abandoned_reservation_is_given_back(make, run, remote):
    """
    A flow that ends while the limiter is asked does not know the answer, and keeps nothing.
    """
    limiter = make()
    flow = limiter.reserve("first", [SLOT])
    asked = next(flow)
    effect = flow.throw(Abandoned())
    assert isinstance(effect, Invoke)
    effect.function()
    with pytest.raises(Abandoned):
        flow.send(None)
    asked.function()  # a thread cannot be stopped, and is granted the claims afterwards

    assert remote.calls == [("cancel", "first"), ("reserve", "first"), ("cancel", "first")]


def test_lasting_quotas_are_counted_in_a_thread(make, clock):
    """
    The event loop does not wait for a file; other limits are checked on the loop.
    """
    limiter = make("local")
    quota = Claim("day", "quota", 10, resets_at=clock.time() + 60, is_lasting=True)

    assert is_inline(limiter.reserve("first", [SLOT]))
    assert not is_inline(limiter.reserve("second", [SLOT, quota]))
    limiter.close()


def test_closing_a_client_closes_its_limiter(make, remote):
    """
    The connections of a client end with it.
    """
    make().close()

    assert remote.closed


def test_unknown_limiter_is_an_error(make):
    """
    The settings are checked before anything is sent.
    """
    with pytest.raises(PluginNotFoundError, match="missing"):
        make("missing")


@pytest.mark.parametrize("is_lasting", [False, True])
@pytest.mark.parametrize(
    ("ticket", "key", "expected"), [("t", "fast", True), ("t", "slow", False), ("slow", "fast", False)]
)
def test_limiter_tells_which_claims_need_no_thread(make, ticket, key, expected, is_lasting):
    """
    Also one that is passed to a client, and for lasting claims.
    """
    claim = Claim(key, "quota", 5, is_lasting=is_lasting)
    limiter = make(limiter=KnowingLimiter(None, None))

    assert is_inline(limiter.reserve(ticket, [claim])) is expected
    assert is_inline(limiter.settle(ticket, [claim], {})) is expected
    assert is_inline(limiter.cancel(ticket, [claim])) is expected
    assert is_inline(limiter.correct(claim, 1, None)) is (key == "fast")


def test_limiter_that_cannot_tell_is_at_fault(make, run):
    """
    An error is reported as one of the plugin.
    """
    limiter = KnowingLimiter(None, None)
    limiter.is_inline = lambda *_: None

    with pytest.raises(PluginFaultError, match="is_inline"):
        run(make(limiter=limiter).reserve("t", [SLOT]))
