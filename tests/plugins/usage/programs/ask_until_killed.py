"""Ask until it is killed, and print each call; the first ones are written before the others start: ADDRESS WRITTEN."""

from __future__ import annotations

import itertools
import sys

from calls import open_client, print_line

written = int(sys.argv[2])
client = open_client(sys.argv[1])
for number in itertools.count():
    client.ask(str(number), label="killed")
    if number == written - 1:
        client._engine.observers[0].flush()
        print_line("written")
    if number >= written:
        print_line(number)
