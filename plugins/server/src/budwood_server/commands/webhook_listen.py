"""``budwood webhooks listen``: receive events on this machine, verify them, and print them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_server.commands.clients import Provider
from budwood_server.commands.webhook_arguments import ALLOW_LOCAL, Types, open_server, split_types

if TYPE_CHECKING:
    from budwood_server.client import GatewayClient
    from budwood_server.webhooks.receiving import Arrival, Receiver

VARIABLE: Final = "BUDWOOD_WEBHOOK_SECRET"
"""The variable of the environment that has the secret of the endpoint, or several separated by spaces."""

MAX_DATA: Final = 500
"""The number of characters of the data of an event that are printed for people."""

_NOT_LOCAL: Final = f"For this machine, {ALLOW_LOCAL}. Otherwise pass --url with the https:// address of a tunnel."
_WAIT_SECONDS: Final = 0.5
"""Seconds after which a wait is interrupted, because Windows calls handlers of signals only then."""

Arrivals = SimpleQueue["Arrival | None"]


def listen(
    *,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port. Default: one that is free.")
    ] = 0,
    types: Types = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Where the server reaches this receiver, such as by a tunnel."),
    ] = None,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the secret of the endpoint from standard input.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--count", "-n", metavar="N", min=1, help="End after this number of events.")
    ] = None,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Receive, verify and print events on this machine.

    Requests without a valid signature are refused. Ctrl-C ends it with a summary.

    With --types it creates an endpoint on the server for as long as it runs. Without it, it waits for events of an
    endpoint that you create, and needs its secret: from BUDWOOD_WEBHOOK_SECRET, standard input, or a question.
    The server sends to http://127.0.0.1 only with allow_local = true in its [server.webhooks], and if it runs here.
    """
    chosen = split_types(types)
    arrivals: Arrivals = SimpleQueue()
    with _open_receiver(port, arrivals) as receiver:
        place = url or receiver.url
        terminal.note(f"listening at {receiver.url} (Ctrl-C stops it)")
        if chosen is None:
            _find_secrets(receiver, place, from_input=secret_stdin)
            receiver.start()
            with _end_by_signals(arrivals):
                _print_all(arrivals, count, as_json=json_output)
            return
        with _end_by_signals(arrivals), _register(receiver, place, chosen, provider):
            _print_all(arrivals, count, as_json=json_output)


def _open_receiver(port: int, arrivals: Arrivals) -> Receiver:
    from budwood_cli.errors import ArgumentError
    from budwood_server.webhooks.receiving import Receiver

    try:
        return Receiver(port, arrivals)
    except OSError as error:
        raise ArgumentError(
            f"The port {port} cannot be used: {error.strerror or error}.",
            hint="Choose another --port, or leave it out for one that is free.",
        ) from None


@contextlib.contextmanager
def _register(receiver: Receiver, url: str, types: Sequence[str], provider: str | None) -> Iterator[None]:
    """Have the server send events to the receiver, by an endpoint that is deleted at the end."""
    hints = {"invalid_url": _NOT_LOCAL} if url == receiver.url else {}
    with open_server(provider, hints) as client:
        new = client.webhooks.create(url, name=f"budwood webhooks listen {token_hex(4)}", types=types)
        try:
            receiver.secrets = [new.secret]
            receiver.start()
            terminal.note(f"created {new.id} for {', '.join(new.selected_types)}; it is removed at the end")
            yield
        finally:
            _remove(client, new.id)


def _remove(client: GatewayClient, webhook_id: str) -> None:
    """Remove the endpoint, or say how to do it."""
    from budwood.errors import BudwoodError

    try:
        client.webhooks.delete(webhook_id)
        terminal.note(f"removed {webhook_id}")
    except BudwoodError as error:
        terminal.note(f"{error} Remove it later: `budwood webhooks rm {webhook_id}`.", label="warning:")


def _find_secrets(receiver: Receiver, url: str, *, from_input: bool) -> None:
    """
    Find the secrets of the endpoint, after saying how to create one.

    Raises:
        ArgumentError: There is none, or it is not valid.
    """
    from budwood_cli.errors import ArgumentError
    from budwood_cli.questions import ask_secret
    from budwood_server.webhooks.signing import parse_secret

    found = os.environ.get(VARIABLE, "")
    if from_input:
        found = sys.stdin.readline() if sys.stdin is not None else ""
    if not found.strip():
        terminal.note(f"Create an endpoint with `budwood webhooks add {url}`. For this machine, {ALLOW_LOCAL}.")
        found = ask_secret(
            "Secret of the endpoint (hidden)", flag=f"--types TYPES or --secret-stdin, or set {VARIABLE}"
        )
    try:
        for each in found.split():
            parse_secret(each)
    except ValueError as error:
        raise ArgumentError(
            f"The secret is not valid. {error}", hint="`budwood webhooks rotate ID` prints another one."
        ) from None
    receiver.secrets = found.split()


@contextlib.contextmanager
def _end_by_signals(arrivals: Arrivals) -> Iterator[None]:
    """Have a signal end the list of arrivals. The second one interrupts at once."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    is_ending = False

    def end(*_: object) -> None:
        nonlocal is_ending
        if is_ending:
            raise KeyboardInterrupt
        is_ending = True
        arrivals.put(None)

    previous = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(getattr(signal, name), handler)


def _print_all(arrivals: Arrivals, count: int | None, *, as_json: bool) -> None:
    """Print what arrives until a signal, or a number of events, and then how much that was."""
    numbers: Counter[str] = Counter()
    try:
        while (count is None or numbers["event"] < count) and (arrival := _take(arrivals)) is not None:
            kind = "refused request" if arrival.event is None else "duplicate" if arrival.is_duplicate else "event"
            numbers[kind] += 1
            _print(arrival, as_json=as_json)
    finally:
        shown = [terminal.format_count(numbers[kind], kind) for kind in ("event", "duplicate", "refused request")]
        terminal.note(", ".join(shown))


def _take(arrivals: Arrivals) -> Arrival | None:
    while True:
        with contextlib.suppress(Empty):
            return arrivals.get(timeout=_WAIT_SECONDS)


def _print(arrival: Arrival, *, as_json: bool) -> None:
    event = arrival.event
    if event is None:
        terminal.note(f"refused: {arrival.problem}")
    elif as_json:
        received = datetime.fromtimestamp(arrival.received, UTC).isoformat(timespec="milliseconds")
        terminal.write_json({"event": event, "is_duplicate": arrival.is_duplicate, "received": received})
    else:
        from budwood_cli.moments import format_moment

        data = terminal.to_json(event.get("data"))
        shown = data if len(data) <= MAX_DATA else f"{data[:MAX_DATA]}…"
        words = [format_moment(arrival.received), *(str(event.get(name)) for name in ("type", "subject", "id"))]
        terminal.write("  ".join([*words, *(["duplicate"] if arrival.is_duplicate else [])]) + f"\n  {shown}\n")
