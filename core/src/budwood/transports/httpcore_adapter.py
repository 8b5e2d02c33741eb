"""Convert headers, errors and states between httpcore and Budwood."""

from __future__ import annotations

from collections.abc import Mapping

import h11
import httpcore

from budwood.errors import BudwoodError
from budwood.types import HTTPCall, Timing
from budwood.wire.errors import (
    broken_connection_error,
    client_certificate_error,
    connection_error,
    header_error,
    is_client_certificate_error,
    is_server_certificate_error,
    is_tls_error,
    proxy_connection_error,
    proxy_rejection_error,
    server_certificate_error,
    timeout_error,
)
from budwood.wire.proxies import Proxy


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers in httpcore's form."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def convert_error(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    """
    Return the error of Budwood for one of httpcore, which becomes its cause.

    For an invalid header there is no cause, because httpcore's error shows the header. Nothing was sent.
    """
    if isinstance(error, httpcore.LocalProtocolError):
        return header_error()
    failure = _create_error(error, call, timing, now, proxy)
    failure.__cause__ = error
    return failure


def _create_error(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return timeout_error(call, timing, now, connecting=isinstance(error, httpcore.ConnectTimeout))
    reason = str(error) or type(error).__name__
    if proxy is not None and (isinstance(error, httpcore.ProxyError) or _is_socks_error(error)):
        return proxy_rejection_error(proxy, reason)
    if is_server_certificate_error(error):
        return server_certificate_error(call, reason)
    if is_client_certificate_error(error):
        return client_certificate_error(call, reason)
    if not isinstance(error, httpcore.ConnectError):
        return broken_connection_error(call, reason)
    if proxy is not None and not is_tls_error(error):
        return proxy_connection_error(call, proxy, reason)
    return connection_error(call, reason)


def _is_socks_error(error: Exception) -> bool:
    return type(error).__module__.startswith("socksio")


def has_trailing_data(connection: object) -> bool:
    """
    Tell whether bytes follow the reply on a connection.

    httpcore does not check, and would take them for the reply to the next request.
    """
    state = get_h11_state(connection)
    return state is not None and bool(state.trailing_data[0])


def get_h11_state(connection: object) -> h11.Connection | None:
    """Return the state of h11 for a connection of httpcore; None for HTTP/2, or before it is connected."""
    while (inner := getattr(connection, "_connection", None)) is not None:
        connection = inner
    state = getattr(connection, "_h11_state", None)
    return state if isinstance(state, h11.Connection) else None
