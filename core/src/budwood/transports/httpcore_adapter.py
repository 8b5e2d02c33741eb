"""Between httpcore's terms and our own."""

from __future__ import annotations

from collections.abc import Mapping

import h11
import httpcore

from budwood.errors import BudwoodError
from budwood.types import HTTPCall, Timing
from budwood.wire.errors import (
    bad_header,
    broken,
    certificate_wanted,
    is_of_tls,
    is_unproved,
    is_untrusted,
    not_connected,
    proxy_not_reached,
    refused_by_proxy,
    timed_out,
    untrusted,
)
from budwood.wire.proxies import Proxy


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Write headers as httpcore wants them."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def translated(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    """
    Say what went wrong, chained to what httpcore said.

    Where a header cannot be sent nothing went over the wire, and what httpcore says shows the header.
    """
    if isinstance(error, httpcore.LocalProtocolError):
        return bad_header()
    failure = _failure(error, call, timing, now, proxy)
    failure.__cause__ = error
    return failure


def _failure(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return timed_out(call, timing, now, connecting=isinstance(error, httpcore.ConnectTimeout))
    reason = str(error) or type(error).__name__
    if proxy is not None and (isinstance(error, httpcore.ProxyError) or _is_of_socks(error)):
        return refused_by_proxy(proxy, reason)
    if is_untrusted(error):
        return untrusted(call, reason)
    if is_unproved(error):
        return certificate_wanted(call, reason)
    if not isinstance(error, httpcore.ConnectError):
        return broken(call, reason)
    if proxy is not None and not is_of_tls(error):
        return proxy_not_reached(call, proxy, reason)
    return not_connected(call, reason)


def _is_of_socks(error: Exception) -> bool:
    return type(error).__module__.startswith("socksio")


def is_spoilt(connection: object) -> bool:
    """
    Tell whether a connection of httpcore has read more than the reply.

    httpcore does not look, and would take it for the reply to the next request.
    """
    state = h11_state(connection)
    return state is not None and bool(state.trailing_data[0])


def h11_state(connection: object) -> h11.Connection | None:
    """Return what h11 knows of a connection of httpcore; None where it speaks HTTP/2, or is not connected."""
    while (inner := getattr(connection, "_connection", None)) is not None:
        connection = inner
    state = getattr(connection, "_h11_state", None)
    return state if isinstance(state, h11.Connection) else None
