"""
Say in our own terms what aiohttp says.

Its errors hold the request with all its headers, and so the key: none is chained, but the system's error within.
"""

from __future__ import annotations

import ssl

import aiohttp

from budwood.errors import BudwoodError
from budwood.types import HTTPCall, Timing
from budwood.wire.errors import (
    bad_address,
    bad_header,
    broken,
    certificate_wanted,
    is_unproved,
    not_connected,
    proxy_not_reached,
    refused_by_proxy,
    timed_out,
    untrusted,
)
from budwood.wire.proxies import Proxy


def translated(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    """Say what went wrong."""
    failure = _failure(error, call, timing, now, proxy)
    failure.__cause__ = _system_error(error)
    return failure


def _failure(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    if isinstance(error, TimeoutError):
        return timed_out(call, timing, now, connecting=isinstance(error, aiohttp.ConnectionTimeoutError))
    if isinstance(error, aiohttp.InvalidURL):
        return bad_address(call, "it is no address")
    if isinstance(error, aiohttp.ClientHttpProxyError) and proxy is not None:
        return refused_by_proxy(proxy, f"{error.status} {error.message}")
    if is_unproved(error):
        return certificate_wanted(call, _reason(error))
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return untrusted(call, str(error.certificate_error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error, call, proxy)
    if isinstance(error, ValueError):  # aiohttp's of a header with a line break
        return bad_header()
    return broken(call, _reason(error))


def _not_connected(error: aiohttp.ClientConnectorError, call: HTTPCall, proxy: Proxy | None) -> BudwoodError:
    reason = error.strerror or str(error.os_error) or type(error.os_error).__name__
    if proxy is not None and isinstance(error, aiohttp.ClientProxyConnectionError):
        return proxy_not_reached(call, proxy, reason)
    return not_connected(call, reason)


def _reason(error: Exception) -> str:
    """Say what happened, in aiohttp's words but for those that show the request."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.message.partition("\n")[0].rstrip(".:") or type(error).__name__
    return str(error).rstrip(".") or type(error).__name__


def _system_error(error: BaseException) -> BaseException | None:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    cause = error.__cause__
    return cause if isinstance(cause, OSError | ssl.SSLError) and not isinstance(cause, aiohttp.ClientError) else None
