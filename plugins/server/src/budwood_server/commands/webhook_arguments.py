"""Arguments of ``budwood webhooks``, and the endpoint that they name."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_server.commands.clients import open_client

if TYPE_CHECKING:
    from budwood_server.client import APIError, GatewayClient

ALLOW_LOCAL: Final = "set allow_local = true in [server.webhooks] of a server for development, and restart it"
"""What lets a server send events to its own machine."""

PREFIX: Final = "wh_"
_FIELD: Final = re.compile(r"(?:body|path)\.(?P<name>\w+)(?:\.\d+)?: (?P<problem>.*)", re.DOTALL)
"""The message of an error of the server that names a field of a request."""

_ARGUMENTS: Final = {"url": "URL", "webhook_id": "WEBHOOK", "delivery_id": "DELIVERY", "subjects": "--subject"}
"""The arguments of commands whose names are not those of the fields."""

_NO_DELIVERY: Final = re.compile(r"GET /api/webhooks/(?P<id>[^/ ]+)/deliveries lists them\.")
_HINTS: Final = {
    "name_in_use": "Choose another --name. `budwood webhooks list` lists your endpoints.",
    "webhook_disabled": "`budwood webhooks resume ID` makes it yours: it then gets the events that you may see.",
    "too_many_webhooks": "Remove one first: `budwood webhooks rm ID`.",
    "delivery_in_progress": "Try again when the request that is under way has ended.",
    "unknown_event_type": "`budwood webhooks types` lists them; 'key.*' stands for all of a group, and '*' for all.",
}
"""The hints of errors of the server at the command line, by their codes."""

MAX_DELIVERY: Final = 2**63 - 1


def _parse_delivery(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= MAX_DELIVERY):
        raise typer.BadParameter(f"{text!r} is no number of a delivery. `budwood webhooks logs WEBHOOK` lists them.")
    return int(text)


Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The id of the endpoint, or its name.")]
Delivery = Annotated[
    int | None, typer.Argument(metavar="DELIVERY", parser=_parse_delivery, help="The number of one delivery.")
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--types",
        "-t",
        metavar="TYPES",
        help="Types of events, with commas or repeated: run.finished, key.* for a group, * for all. Default: *.",
    ),
]
Subjects = Annotated[
    list[str] | None,
    typer.Option("--subject", metavar="ID", help="Only events about this id, such as a run. May be repeated."),
]
PerSecond = Annotated[
    float | None,
    typer.Option("--per-second", metavar="N", min=0.001, max=1000, help="The most requests in a second."),
]
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", metavar="N", min=1, max=100, help="The most requests at the same time. Default: 10."),
]


@contextlib.contextmanager
def open_server(provider: str | None, hints: Mapping[str, str] | None = None) -> Iterator[GatewayClient]:
    """
    Open a client of the server; see `open_client`. Hints of errors name commands instead of routes.

    Args:
        provider: The section of the settings, or None.
        hints: Other hints of errors of the server, by their codes.
    """
    from budwood_server.client import APIError

    with open_client(provider) as client:
        try:
            yield client
        except APIError as error:
            error.hint = _find_hint(error, hints or {})
            error.message = _name_argument(error.message)
            raise


def split_types(values: Sequence[str] | None) -> Sequence[str] | None:
    """Return the types of an option that may be repeated, each with commas; None without any."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()] or None


def find_id(client: GatewayClient, text: str) -> str:
    """
    Return the id of an endpoint by its id or name.

    Raises:
        ArgumentError: No endpoint has the name, or several have it.
    """
    from budwood_cli.errors import ArgumentError

    if text.startswith(PREFIX):
        return text
    names = {each.id: each.name for each in client.webhooks.list()}
    found = [webhook_id for webhook_id, name in names.items() if name == text]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArgumentError(f"Several endpoints have the name {text!r}.", hint=f"Use an id: {', '.join(found)}.")
    raise ArgumentError(f"There is no endpoint {text!r}.", hint=_suggest(text, names.values()))


def choose_fields(**fields: object) -> Mapping[str, object]:
    """Return those fields that were chosen: that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _suggest(text: str, names: Iterable[str]) -> str:
    from budwood.names import did_you_mean

    near = did_you_mean(text, sorted(set(names)))
    return f"{near} `budwood webhooks list` lists them." if near else "`budwood webhooks list` lists them."


def _name_argument(message: str) -> str:
    """Return a message about a field of a request with the argument of the command instead."""
    if (found := _FIELD.fullmatch(message)) is None:
        return message
    name = found["name"]
    argument = _ARGUMENTS.get(name, "--" + name.replace("_", "-"))
    return f"{argument}: {found['problem']}"


def _find_hint(error: APIError, hints: Mapping[str, str]) -> str | None:
    hint = {**_HINTS, **hints}.get(error.code or "", error.hint)
    if hint is None:
        return None
    hint = _NO_DELIVERY.sub(r"`budwood webhooks logs \g<id>` lists them.", hint)
    return hint.replace("GET /api/webhooks lists them.", "`budwood webhooks list` lists them.")
