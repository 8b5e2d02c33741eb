"""``client.telemetry``, ``client.usage`` and ``client.endpoints``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from os import PathLike
from typing import BinaryIO, Literal, TypedDict, Unpack

from budwood.types import ReplyHead
from budwood.wire import ServerSentEvent
from budwood_server.api_models.endpoints import EndpointsReply
from budwood_server.api_models.pages import PageOf
from budwood_server.client.operations import Resource, S, following, listing, operation, saving
from budwood_server.client.requests import Download, Request, StreamRequest, get, path_of, read_bytes, reader
from budwood_server.telemetry.forms import Call, Sums, SumsPage


class CallFilter(TypedDict, total=False):
    """
    Which calls are selected.

    Attributes:
        since: The first moment, or a time ago such as ``"7d"``.
        until: The moment after the last one, or a time ago.
        key: The id of the API key.
        team: The team of the key.
        model: The name of the model as it was requested.
        user: The user that the request named.
        client: The program that sent it.
        label: The label of the call.
        provider: The provider that answered.
        vendor_model: Its model, alone or as provider/model.
        vendor_key: The label of the vendor's key.
        error: The class of the error, or ``"any"``.
        min_seconds: The shortest duration.
        with_failures: Only calls that failed with an endpoint or a vendor's key.
        tags: Further tags that they have.
    """

    since: datetime | str
    until: datetime | str
    key: str
    team: str
    model: str
    user: str
    client: str
    label: str
    provider: str
    vendor_model: str
    vendor_key: str
    error: str
    min_seconds: float
    with_failures: bool
    tags: Mapping[str, str]


class Telemetry(Resource[S]):
    """The records of single calls, without prompts and replies."""

    @listing
    def calls(self, **where: Unpack[CallFilter]) -> Request[PageOf[Call]]:
        """List calls, the newest first. For the filter, see `CallFilter`."""
        return get(path_of("telemetry", "calls"), PageOf[Call], **_encode(where))

    @operation
    def get(self, number: int) -> Request[Call]:
        """Return a call by the id of its record."""
        return get(path_of("telemetry", "calls", number), Call)

    @operation
    def export(self, **where: Unpack[CallFilter]) -> Request[bytes]:
        """Return calls as CSV, of at most 64 MiB. `export_to` writes larger ones."""
        return Request(method="GET", path=path_of("telemetry", "calls.csv"), read=read_bytes, query=_encode(where))

    @saving
    def export_to(self, target: str | PathLike[str] | BinaryIO, **where: Unpack[CallFilter]) -> Download:
        """
        Write calls as CSV to a file as they arrive, and return the number of bytes.

        Args:
            target: The path of a file, which is replaced once all calls are there, or an open binary file.
            where: Which calls; see `CallFilter`.
        """
        path = path_of("telemetry", "calls.csv")
        return Download(request=Request(method="GET", path=path, read=read_bytes, query=_encode(where)), target=target)

    @following
    def follow(self, *, after: int | None = None, **where: Unpack[CallFilter]) -> StreamRequest[Call]:
        """
        Return each new call as soon as it is recorded. If the connection breaks, it is continued after the last call.

        Args:
            after: The id of the record after which it begins; by default the last one.
            where: Which calls; see `CallFilter`.
        """
        request = get(path_of("telemetry", "follow"), Call, after=after, **_encode(where))
        return StreamRequest(request=request, decode=_read_call, is_reopened=True)


class Usage(Resource[S]):
    """Sums of calls, tokens and costs."""

    @operation
    def total(self, **where: Unpack[CallFilter]) -> Request[Sums]:
        """Return the sums over all calls that a filter selects; see `CallFilter`."""
        request = get(path_of("telemetry", "totals"), SumsPage, **_encode(where))
        read = request.read
        return Request(method="GET", path=request.path, read=lambda body: read(body).total, query=request.query)

    @listing
    def groups(
        self,
        *by: str,
        order: Literal["cost", "calls", "errors", "latency", "group"] = "cost",
        **where: Unpack[CallFilter],
    ) -> Request[PageOf[Sums]]:
        """
        List the sums over groups of calls.

        Args:
            by: Dimensions, such as ``"team"``, ``"model"`` or ``"day"``; see the guide of telemetry.
            order: The highest cost, the most calls or errors, or the longest average duration first, or by name.
            where: Which calls; see `CallFilter`.
        """
        return get(path_of("telemetry", "totals"), PageOf[Sums], by=[*by], order=order, **_encode(where))


class Endpoints(Resource[S]):
    """The providers of the server, and the health of their endpoints."""

    @operation
    def list(self) -> Request[EndpointsReply]:
        """Return the providers, as the worker that answers sees them."""
        return get(path_of("endpoints"), EndpointsReply)


def _encode(where: CallFilter) -> dict[str, object]:
    query: dict[str, object] = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in where.items()
        if name != "tags"
    }
    return query | {"tag": [f"{name}={value}" for name, value in where.get("tags", {}).items()] or None}


def _read_call(_: ReplyHead, event: ServerSentEvent) -> Call | None:
    return reader(Call)(event.data) if event.event == "call" else None
