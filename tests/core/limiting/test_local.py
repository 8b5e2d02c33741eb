"""The limiter inside the process: rates, concurrency, quotas and the order of tickets."""

from __future__ import annotations

import threading

import pytest

from budwood.types import Claim

REQUESTS = Claim("requests", "rate", 60)
TOKENS = Claim("tokens", "rate", 6000, amount=50)  # 100 each second
SLOTS = Claim("slots", "concurrency", 1)


def reserve_at_last(limiter, clock, ticket, claims):
    """
    Sleep as long as denials say, and return the seconds until the grant.
    """
    start = clock.monotonic()
    while (denial := limiter.reserve(ticket, claims)) is not None:
        clock.sleep(denial.delay)
    return clock.monotonic() - start


# Rates.


def test_rate_is_refilled_continuously(limiter, clock):
    """
    60 requests in a minute are one each second, after the first.
    """
    moments = [reserve_at_last(limiter, clock, f"t{number}", [REQUESTS]) for number in range(4)]

    assert moments == pytest.approx([0, 1, 1, 1])


def test_unused_rate_holds_one_second(limiter, clock):
    """
    A long pause permits a burst of one second's units, and no more.
    """
    limiter.reserve("first", [TOKENS])
    clock.advance(3600)

    granted = [limiter.reserve(f"t{number}", [TOKENS]) for number in range(3)]

    assert granted[:2] == [None, None]
    assert granted[2].delay == pytest.approx(0.5)
    assert granted[2].claim is TOKENS


def test_claim_above_the_capacity_leaves_a_debt(limiter, clock):
    """
    A claim for three seconds' units is granted by a full rate, and the next one waits for its debt.
    """
    assert limiter.reserve("large", [TOKENS._replace(amount=300)]) is None

    assert reserve_at_last(limiter, clock, "small", [TOKENS]) == pytest.approx(2.5)


def test_settled_rate_gets_the_difference_back(limiter):
    """
    Units that were reserved but not used are available immediately.
    """
    full = TOKENS._replace(amount=100)
    limiter.reserve("first", [full])
    limiter.settle("first", [full], {"tokens": 40})

    assert limiter.reserve("second", [TOKENS]) is None
    assert limiter.reserve("third", [TOKENS]).available == pytest.approx(10)


def test_settled_rate_owes_what_was_used_beyond_the_estimate(limiter, clock):
    """
    The next ticket waits for the units that the estimate lacked.
    """
    limiter.reserve("first", [TOKENS])
    limiter.settle("first", [TOKENS], {"tokens": 250})

    assert reserve_at_last(limiter, clock, "second", [TOKENS]) == pytest.approx(2)


def test_correction_lowers_and_never_raises(limiter):
    """
    The vendor's count replaces a higher one, not a lower one.
    """
    limiter.correct(TOKENS, 20, None)
    limiter.correct(TOKENS, 90, None)

    assert limiter.reserve("first", [TOKENS]).available == pytest.approx(20)


def test_correction_to_nothing_blocks_until_the_reset(limiter, clock):
    """
    Nothing is granted before the moment that the vendor reports.
    """
    limiter.correct(TOKENS, 0, 20)

    assert reserve_at_last(limiter, clock, "first", [TOKENS]) == pytest.approx(20)


# Concurrency.


def test_concurrency_ends_when_it_is_settled(limiter):
    """
    The waiting ticket is woken, and granted.
    """
    woken = []
    limiter.reserve("first", [SLOTS])
    denial = limiter.reserve("second", [SLOTS])
    limiter.watch("second", lambda: woken.append("second"))
    limiter.settle("first", [SLOTS], {})

    assert denial.delay is None
    assert woken == ["second"]
    assert limiter.reserve("second", [SLOTS]) is None


def test_watching_too_late_wakes_immediately(limiter):
    """
    A slot that became free between the denial and the watch is not missed.
    """
    woken = []
    limiter.reserve("first", [SLOTS])
    limiter.reserve("second", [SLOTS])
    limiter.settle("first", [SLOTS], {})
    limiter.watch("second", lambda: woken.append("second"))

    assert woken == ["second"]


def test_wake_function_may_use_the_limiter(limiter):
    """
    It is called without the lock.
    """
    results = []
    limiter.reserve("first", [SLOTS])
    limiter.reserve("second", [SLOTS])
    limiter.watch("second", lambda: results.append(limiter.reserve("second", [SLOTS])))
    limiter.settle("first", [SLOTS], {})

    assert results == [None]


# Order.


def test_small_tickets_do_not_overtake_a_large_one(limiter, clock):
    """
    A ticket that fits waits behind one that asked first and does not fit yet.
    """
    limiter.reserve("first", [TOKENS._replace(amount=80)])
    large = limiter.reserve("large", [TOKENS._replace(amount=100)])
    small = limiter.reserve("small", [TOKENS._replace(amount=10)])

    assert (large.delay, small.delay) == (pytest.approx(0.8), None)
    clock.advance(0.8)
    assert limiter.reserve("small", [TOKENS._replace(amount=10)]) is not None
    assert limiter.reserve("large", [TOKENS._replace(amount=100)]) is None


def test_ticket_that_waits_for_another_limit_does_not_block(limiter, clock):
    """
    The limit of one model does not stop the other models of a provider, which share only some of its limits.
    """
    slow = Claim("slow model", "rate", 1)
    limiter.reserve("holder", [TOKENS, slow])
    limiter.reserve("waiting", [TOKENS, slow])
    clock.advance(1)

    assert limiter.reserve("other model", [TOKENS]) is None
    clock.advance(59)
    assert limiter.reserve("waiting", [TOKENS, slow]) is None


def test_ticket_that_waits_for_another_limit_is_not_delayed(limiter, clock):
    """
    It is overtaken only if what the later ticket takes is refilled in time.
    """
    slow = Claim("slow model", "rate", 30)
    first = [TOKENS._replace(amount=100), slow]
    limiter.reserve("holder", [slow])
    assert limiter.reserve("waiting", first).delay == pytest.approx(2)

    assert limiter.reserve("large", [TOKENS._replace(amount=250)]).delay is None
    assert limiter.reserve("small", [TOKENS._replace(amount=10)]).delay is None
    limiter.cancel("large", [TOKENS])
    assert limiter.reserve("small", [TOKENS._replace(amount=10)]) is None
    assert reserve_at_last(limiter, clock, "waiting", first) == pytest.approx(2)


def test_slots_of_a_waiting_ticket_are_not_taken(limiter):
    """
    Their end is unknown, so that a later ticket might delay an earlier one that waits for another limit.
    """
    slow = Claim("slow model", "rate", 1)
    limiter.reserve("holder", [slow])
    limiter.reserve("waiting", [SLOTS, slow])

    assert limiter.reserve("later", [SLOTS]) is not None


def test_slot_is_kept_for_the_first_ticket(limiter, clock):
    """
    Once it is free, no other ticket overtakes the one that waited for it.
    """
    limiter.reserve("holder", [SLOTS])
    limiter.reserve("first", [REQUESTS, SLOTS])

    assert limiter.reserve("second", [REQUESTS, TOKENS]) is None
    limiter.settle("holder", [SLOTS], {})
    assert limiter.reserve("third", [SLOTS]) is not None
    assert limiter.reserve("fourth", [REQUESTS]) is not None
    assert reserve_at_last(limiter, clock, "first", [REQUESTS, SLOTS]) == pytest.approx(1)


def test_cancelled_first_ticket_wakes_the_next(limiter):
    """
    The next one asks for its own delay.
    """
    woken = []
    limiter.reserve("holder", [TOKENS._replace(amount=100)])
    limiter.reserve("first", [TOKENS])
    limiter.reserve("second", [TOKENS])
    limiter.watch("second", lambda: woken.append("second"))
    limiter.cancel("first", [TOKENS])

    assert woken == ["second"]
    assert limiter.reserve("second", [TOKENS]).delay == pytest.approx(0.5)


def test_refund_wakes_the_first_ticket_before_its_delay(limiter):
    """
    A ticket that waits for a debt is woken when others give units back.
    """
    woken = []
    large = TOKENS._replace(amount=1000)
    limiter.reserve("large", [large])
    assert limiter.reserve("next", [TOKENS]).delay == pytest.approx(9.5)
    limiter.watch("next", lambda: woken.append("next"))
    limiter.settle("large", [large], {"tokens": 10})

    assert woken == ["next"]
    assert limiter.reserve("next", [TOKENS]) is None


def test_cancelled_grant_gives_all_back(limiter):
    """
    A ticket that does not know whether it was granted gives up everything with `cancel`.
    """
    claims = [SLOTS, TOKENS._replace(amount=100), Claim("day", "quota", 1)]
    limiter.reserve("first", claims)
    limiter.cancel("first", claims)

    assert limiter.reserve("second", claims) is None


def test_granted_ticket_that_asks_again_takes_nothing_more(limiter):
    """
    A request whose answer was lost can be repeated.
    """
    assert limiter.reserve("first", [TOKENS]) is None
    assert limiter.reserve("first", [TOKENS]) is None
    assert limiter.reserve("second", [TOKENS]) is None
    assert limiter.reserve("third", [TOKENS]).available == pytest.approx(0)


# Quotas.


def test_exhausted_quota_says_when_it_is_reset(limiter, clock):
    """
    The ticket takes no place in the queues of its other limits.
    """
    quota = Claim("day", "quota", 10, amount=6, resets_at=clock.time() + 3600)
    limiter.reserve("first", [quota])

    denial = limiter.reserve("second", [SLOTS, quota])

    assert (denial.claim, denial.delay, denial.available) == (quota, pytest.approx(3600), 4)
    assert limiter.reserve("third", [SLOTS]) is None


def test_quota_without_an_end_has_no_delay(limiter):
    """
    It is exhausted for ever.
    """
    quota = Claim("client", "quota", 1)
    limiter.reserve("first", [quota])

    assert limiter.reserve("second", [quota]).delay is None


def test_new_period_counts_from_zero(limiter, clock):
    """
    Each period has a count of its own, also if the clock is set back to an earlier one.
    """
    today = Claim("day", "quota", 1, resets_at=clock.time() + 3600)
    tomorrow = today._replace(resets_at=today.resets_at + 86_400)
    limiter.reserve("first", [today])

    assert limiter.reserve("second", [tomorrow]) is None
    assert limiter.reserve("third", [today]).claim is today


def test_settled_quota_counts_what_was_used(limiter):
    """
    It gives units back, or takes more than the limit if more were used.
    """
    quota = Claim("budget", "quota", 10, amount=10)
    limiter.reserve("first", [quota])
    limiter.settle("first", [quota], {"budget": 4})
    limiter.reserve("second", [quota._replace(amount=6)])
    limiter.settle("second", [quota], {"budget": 9})

    assert limiter.reserve("third", [quota._replace(amount=1)]).available == 0


def test_denied_ticket_takes_nothing(limiter):
    """
    Claims that fit are not taken if another one does not.
    """
    limiter.reserve("holder", [SLOTS])
    limiter.reserve("first", [TOKENS, Claim("budget", "quota", 1), SLOTS])
    limiter.cancel("first", [TOKENS, SLOTS])

    assert limiter.reserve("second", [TOKENS._replace(amount=100), Claim("budget", "quota", 1)]) is None


# Shared use.


def test_threads_never_exceed_a_quota(limiter):
    """
    1000 attempts of eight threads take exactly what the quota has.
    """
    quota = Claim("budget", "quota", 100)
    granted = []

    def run(thread):
        granted.extend(1 for number in range(125) if limiter.reserve(f"{thread}-{number}", [quota]) is None)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 100


def test_reset_forgets_everything(limiter):
    """
    Grants of before are not settled against the new counts.
    """
    limiter.reserve("first", [SLOTS, TOKENS._replace(amount=100)])
    limiter.reset()
    limiter.settle("first", [SLOTS, TOKENS], {"tokens": 0})

    assert limiter.reserve("second", [SLOTS, TOKENS._replace(amount=100)]) is None
    assert limiter.reserve("third", [SLOTS]) is not None


def test_unused_rates_are_forgotten(limiter, clock):
    """
    The memory of programs with many keys is bounded.
    """
    for number in range(5000):
        clock.advance(1)
        limiter.reserve(str(number), [Claim(f"rate {number}", "rate", 60)])

    assert len(limiter._rates) < 2000
