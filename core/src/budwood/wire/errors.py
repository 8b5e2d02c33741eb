"""The errors of connections and replies, which are the same for every transport."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from budwood.errors import (
    ConfigurationError,
    ConnectionFailedError,
    RequestTimeoutError,
    ResponseTooLargeError,
)
from budwood.types import HTTPCall, Timing
from budwood.wire.proxies import Proxy

_CLIENT_CERTIFICATE_ALERTS: Final = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV1_ALERT_UNKNOWN_CA",
    }
)
"""What a server sends if it rejects the client certificate or requires one, as OpenSSL names it (RFC 8446, 6.2)."""


_CLOCK_ERROR: Final = 0.001
"""Seconds by which a timer may fire early."""


def check_deadline(timing: Timing, now: float) -> None:
    """
    Check that the deadline of a call has not passed.

    Raises:
        RequestTimeoutError: It has.
    """
    if now >= timing.deadline:
        raise deadline_error()


def check_head_deadline(timing: Timing, now: float) -> float:
    """
    Return the seconds that are left for the head of a reply.

    Raises:
        RequestTimeoutError: The deadline of the call, or that of the head, has passed.
    """
    left = timing.open_deadline - now
    if left <= 0:
        raise head_timeout_error(timing, now)
    return left


def deadline_error(timeout: float | None = None) -> RequestTimeoutError:
    """Create the error for a call that exceeded its timeout of some seconds, if they are known."""
    seconds = "" if timeout is None else f" of {timeout:g} s"
    return RequestTimeoutError(
        f"The call took longer than its timeout{seconds}.",
        phase="deadline",
        hint="Raise timeout=… if the model needs more time.",
    )


def head_timeout_error(timing: Timing, now: float) -> RequestTimeoutError:
    """Create the error for a reply whose head did not arrive in time: that of the call, or that of the attempt."""
    if timing.head_deadline is None or now >= timing.deadline - _CLOCK_ERROR:
        return deadline_error()
    return RequestTimeoutError(
        "The server did not start to reply within attempt_timeout.",
        phase="head",
        hint="Raise attempt_timeout=… if the model needs more time.",
    )


def timeout_error(call: HTTPCall, timing: Timing, now: float, *, connecting: bool = False) -> RequestTimeoutError:
    """
    Create the error for the timeout that was exceeded.

    Args:
        call: The call.
        timing: Its timeouts; without a ``head_deadline`` once the head has arrived.
        now: When waiting ended.
        connecting: Whether it waited for a connection.
    """
    if now >= timing.open_deadline - _CLOCK_ERROR:
        return head_timeout_error(timing, now)
    return connect_timeout_error(call, timing) if connecting else idle_timeout_error(call, timing)


def connect_timeout_error(call: HTTPCall, timing: Timing) -> RequestTimeoutError:
    """Create the error for a connection that took longer than `Timing.connect_timeout`."""
    return RequestTimeoutError(
        f"No connection to {origin(call.url)} within {timing.connect_timeout:g} s.",
        phase="connect",
        hint="Check the address and the network, or raise connect_timeout=….",
    )


def idle_timeout_error(call: HTTPCall, timing: Timing) -> RequestTimeoutError:
    """Create the error for a server that sent nothing for `Timing.idle_timeout`."""
    return RequestTimeoutError(
        f"{origin(call.url)} sent nothing for {timing.idle_timeout:g} s.",
        phase="read",
        hint="Raise idle_timeout=… if the model needs more time.",
    )


def _unsent(error: ConnectionFailedError) -> ConnectionFailedError:
    error.is_unsent = True
    return error


def connection_error(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Create the error for a server that cannot be reached."""
    return _unsent(
        ConnectionFailedError(
            f"No connection to {origin(call.url)}: {reason.rstrip('.')}.",
            hint="Check that the server is running, and that base_url is right.",
        )
    )


def server_certificate_error(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Create the error for a server whose certificate is not trusted."""
    return _unsent(
        ConnectionFailedError(
            f"The certificate of {origin(call.url)} is not trusted: {reason}.",
            hint="If it is your own server, or a proxy intercepts TLS, set SSL_CERT_FILE or ca_file to the certificate "
            "of its authority.",
            retryable=False,
        )
    )


def client_certificate_error(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Create the error for a server that requires a client certificate, or rejects ours."""
    return ConnectionFailedError(
        f"{origin(call.url)} rejected the client certificate, or requires one: {reason}.",
        hint="Set client_certificate and client_key in the settings of the transport to one that the server trusts.",
        retryable=False,
    )


def proxy_connection_error(call: HTTPCall, proxy: Proxy, reason: str) -> ConnectionFailedError:
    """Create the error for a proxy that cannot be reached."""
    return _unsent(
        ConnectionFailedError(
            f"No connection to {origin(call.url)} through the proxy {proxy.url}: {reason.rstrip('.')}.",
            hint=f"Check that the proxy is running, and that {proxy.source} is right.",
        )
    )


def is_server_certificate_error(error: BaseException) -> bool:
    """Tell whether a connection failed because the server's certificate is not trusted."""
    return any(isinstance(link, ssl.SSLCertVerificationError) for link in _causes(error))


def is_client_certificate_error(error: BaseException) -> bool:
    """Tell whether a server rejected the client certificate, or required one."""
    return any(getattr(link, "reason", None) in _CLIENT_CERTIFICATE_ALERTS for link in _causes(error))


def is_tls_error(error: BaseException) -> bool:
    """Tell whether a connection failed during TLS, so that it was established before."""
    return any(isinstance(link, ssl.SSLError) for link in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def proxy_rejection_error(proxy: Proxy, reason: str) -> ConnectionFailedError:
    """Create the error for a proxy that rejects a request."""
    return _unsent(
        ConnectionFailedError(
            f"The proxy {proxy.url} refused the request: {reason}.",
            hint=f"Check {proxy.source}, and the user and password in it.",
            retryable=False,
        )
    )


def broken_connection_error(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Create the error for a connection that was lost before the end of the reply."""
    return ConnectionFailedError(
        f"The connection to {origin(call.url)} was lost: {reason.rstrip('.')}.",
        hint="Try again. If it happens often, check the server, and any proxy in between.",
    )


def url_error(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Create the error for an invalid URL."""
    return _unsent(
        ConnectionFailedError(
            f"The URL {origin(call.url)} is invalid: {reason.rstrip('.')}.",
            hint="Check base_url.",
            retryable=False,
        )
    )


def header_error() -> ConfigurationError:
    """Create the error for an invalid header. Neither its value nor its cause is shown: the value may be the key."""
    return ConfigurationError(
        "A header is invalid: its value contains blanks at an end, control characters, or characters beyond ASCII.",
        hint="If it is the API key, copy it again, without anything around it.",
    )


def authorization_conflict_error() -> ConfigurationError:
    """Create the error for a URL with credentials if a header has credentials too: only one can be sent."""
    return ConfigurationError(
        "base_url contains a user name or password, and the API key needs the same header, `authorization`.",
        hint="Remove the part before the @ in base_url, or the API key.",
    )


PROXY_AUTHENTICATION_REQUIRED: Final = 407
"""The status of a proxy that requires other credentials; servers do not send it (RFC 9110, section 15.5.8)."""


def proxy_authentication_error(proxy: Proxy) -> ConnectionFailedError:
    """Create the error for a proxy that requires credentials, or rejects ours."""
    return proxy_rejection_error(proxy, "407 Proxy Authentication Required")


def size_error(limit: int) -> ResponseTooLargeError:
    """Create the error for a reply of more than ``limit`` bytes."""
    return ResponseTooLargeError(f"The reply is larger than the limit of {limit:,} bytes.")


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, without user, path and query, which may contain secrets."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "of the server"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
