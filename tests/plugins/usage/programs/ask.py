"""Ask in several threads when the test says so, and print the sums of the ledger: ADDRESS LABEL THREADS CALLS."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from calls import open_client, print_line

address, label, threads, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def ask(thread):
    """
    Ask, and return all attempts.
    """
    replies = (client.ask(str(number % 977), label=f"{label}-{thread}") for number in range(count))
    return [attempt for reply in replies for attempt in reply.attempts]


with open_client(address) as client:
    print_line("ready")
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        attempts = [attempt for done in pool.map(ask, range(threads)) for attempt in done]
cost = sum((attempt.cost for attempt in attempts), Decimal(0))
print_line(len(attempts), sum(attempt.usage.output_tokens for attempt in attempts), cost)
