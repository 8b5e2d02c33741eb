"""How endpoints share the requests of a process."""

from __future__ import annotations

import itertools

from budwood_server.webhooks.slots import SLOW_SECONDS, Slots, share_evenly

SIZE = 100


class Process:
    """
    A process that sends what its slots allow.

    Attributes:
        time: The time in seconds.
        under_way: The endpoints of requests under way, by their numbers.
    """

    def __init__(self, size=SIZE):
        self.time = 0.0
        self.slots = Slots(size, lambda: self.time)
        self.under_way = {}
        self._numbers = itertools.count()

    def send(self, ready):
        """
        Send what endpoints may get that have any number of deliveries, and return how many each one gets.
        """
        shares = self.slots.share(ready, SIZE)
        for webhook, count in shares.items():
            for number in itertools.islice(self._numbers, count):
                self.slots.start(number, webhook)
                self.under_way[number] = webhook
        return shares

    def end(self, *webhooks):
        """
        End all requests to endpoints.
        """
        for number in [number for number, webhook in self.under_way.items() if webhook in webhooks]:
            del self.under_way[number]
            self.slots.end(number)


def name(prefix, count):
    """
    Return the names of endpoints.
    """
    return [f"{prefix}{number}" for number in range(count)]


def test_slow_endpoints_take_half_of_the_room():
    """
    However many there are, and whichever of them are first. Those that were quick get the other half.
    """
    process = Process()
    slow = name("slow", 20)
    process.send(["quick"])
    process.end("quick")
    for ready in [[*slow, "quick"], ["quick", *slow]] * 3:
        process.send(ready)
        process.end("quick")
        process.time += SLOW_SECONDS
        for _ in range(10):
            assert process.send(ready)["quick"] > 0
            process.end("quick")
        assert sum(webhook in slow for webhook in process.under_way.values()) == SIZE // 2
        process.end("slow0", "slow1", "slow2")


def test_an_endpoint_that_becomes_slow_leaves_room():
    """
    It gets nothing more while its requests take long, until one was quick again.
    """
    process = Process()
    process.send(["w"])
    process.end("w")
    while process.send(["w"]):
        pass
    assert len(process.under_way) == SIZE // 2
    process.time += SLOW_SECONDS
    assert process.send(["w"]) == {}
    process.end("w")
    assert sum(process.send(["w"]).values()) < SIZE // 4
    process.end("w")
    assert process.send(["w"]) == {"w": SIZE // 2}


def test_the_endpoint_that_waits_longest_is_first():
    """
    If not all can get a request.
    """
    assert [*Process().send(name("w", 80))] == name("w", 50)
    assert [*share_evenly(name("w", 80), 20).items()] == [("w0", 8), ("w1", 8), ("w2", 4)]


def test_a_process_with_one_request_at_a_time_sends():
    """
    There is no room to share.
    """
    process = Process(size=1)
    for _ in range(3):
        assert process.send(["a", "b"]) == {"a": 1}
        assert process.send(["a", "b"]) == {}
        process.time += SLOW_SECONDS
        process.end("a")
