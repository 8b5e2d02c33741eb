"""Between httpcore's terms and our own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpcore

from budwood.errors import BudwoodError
from budwood.types import HTTPCall, Timing
from budwood.wire.connecting import Proxy
from budwood.wire.failures import (
    bad_header,
    broken,
    connecting_took_too_long,
    deadline_passed,
    not_connected,
    refused_by_proxy,
    silent,
    untrusted,
)


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
    late = isinstance(error, TimeoutError | httpcore.TimeoutException)
    if late and now >= timing.deadline - 0.001:
        return deadline_passed()
    if isinstance(error, httpcore.ConnectTimeout):
        return connecting_took_too_long(call, timing)
    if late:
        return silent(call, timing)
    reason = str(error) or type(error).__name__
    if isinstance(error, httpcore.ProxyError) and proxy is not None:
        return refused_by_proxy(proxy.url, proxy.named, reason)
    if isinstance(error, httpcore.ConnectError):
        return untrusted(call, reason) if is_untrusted(error) else not_connected(call, reason)
    return broken(call, reason)


def is_untrusted(error: BaseException) -> bool:
    """Tell whether a connection failed because the server's certificate is not trusted."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
