"""
Convert errors of aiohttp.

They contain the request with all its headers, and so the key. The cause is therefore the system error inside, if any.
"""

from __future__ import annotations

import ssl

import aiohttp

from budwood.errors import BudwoodError
from budwood.types import HTTPCall, Timing
from budwood.wire.errors import (
    broken_connection_error,
    client_certificate_error,
    connection_error,
    header_error,
    is_client_certificate_error,
    proxy_connection_error,
    proxy_rejection_error,
    server_certificate_error,
    timeout_error,
    url_error,
)
from budwood.wire.proxies import Proxy


def convert_error(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    """Return the error of Budwood for one of aiohttp."""
    failure = _create_error(error, call, timing, now, proxy)
    failure.__cause__ = _system_error(error)
    return failure


def _create_error(error: Exception, call: HTTPCall, timing: Timing, now: float, proxy: Proxy | None) -> BudwoodError:
    if isinstance(error, TimeoutError):
        return timeout_error(call, timing, now, connecting=isinstance(error, aiohttp.ConnectionTimeoutError))
    if isinstance(error, aiohttp.InvalidURL):
        return url_error(call, "it is not a valid URL")
    if isinstance(error, aiohttp.ClientHttpProxyError) and proxy is not None:
        return proxy_rejection_error(proxy, f"{error.status} {error.message}")
    if is_client_certificate_error(error):
        return client_certificate_error(call, _reason(error))
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return server_certificate_error(call, str(error.certificate_error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return _create_connection_error(error, call, proxy)
    if isinstance(error, ValueError):  # for a header with a line break
        return header_error()
    return broken_connection_error(call, _reason(error))


def _create_connection_error(error: aiohttp.ClientConnectorError, call: HTTPCall, proxy: Proxy | None) -> BudwoodError:
    reason = error.strerror or str(error.os_error) or type(error.os_error).__name__
    if proxy is not None and isinstance(error, aiohttp.ClientProxyConnectionError):
        return proxy_connection_error(call, proxy, reason)
    return connection_error(call, reason)


def _reason(error: Exception) -> str:
    """Return the message of an error, without the parts that show the request."""
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
