"""What can go wrong on the way to a server and back: the same errors for every transport."""

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

_OF_OUR_CERTIFICATE: Final = frozenset(
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
"""Alerts of servers, as OpenSSL names them (RFC 8446, section 6.2)."""


_CLOCK_ERROR: Final = 0.001
"""Seconds by which a timer may end early."""


def check_deadline(timing: Timing, now: float) -> None:
    """
    See that a call may still take a while.

    Raises:
        RequestTimeoutError: Its deadline has passed.
    """
    if now >= timing.deadline:
        raise deadline_passed()


def check_head_deadline(timing: Timing, now: float) -> float:
    """
    Return the seconds in which the head of a reply must come.

    Raises:
        RequestTimeoutError: There are none: the deadline of the call, or that of the head, has passed.
    """
    left = timing.open_deadline - now
    if left <= 0:
        raise head_late(timing, now)
    return left


def deadline_passed() -> RequestTimeoutError:
    """Say that the whole call took too long."""
    return RequestTimeoutError(
        "The call took longer than its timeout.", phase="deadline", hint="Raise timeout=… if the model needs the time."
    )


def head_late(timing: Timing, now: float) -> RequestTimeoutError:
    """Say that no head came in time: because the whole call is over, or this attempt."""
    if timing.head_deadline is None or now >= timing.deadline - _CLOCK_ERROR:
        return deadline_passed()
    return RequestTimeoutError(
        "The server did not begin to reply in the time of this attempt.",
        phase="head",
        hint="Raise attempt_timeout=… if the model needs the time.",
    )


def timed_out(call: HTTPCall, timing: Timing, now: float, *, connecting: bool = False) -> RequestTimeoutError:
    """
    Say which limit of time was exceeded.

    Args:
        call: What was sent.
        timing: Its limits; without a ``head_deadline`` once the head has come.
        now: The moment at which waiting ended.
        connecting: Whether what was waited for is a connection.
    """
    if now >= timing.open_deadline - _CLOCK_ERROR:
        return head_late(timing, now)
    return connecting_took_too_long(call, timing) if connecting else silent(call, timing)


def connecting_took_too_long(call: HTTPCall, timing: Timing) -> RequestTimeoutError:
    """Say that no connection stood within `Timing.connect_timeout`."""
    return RequestTimeoutError(
        f"No connection to {origin(call.url)} within {timing.connect_timeout:g} s.",
        phase="connect",
        hint="Check the address and the network, or raise connect_timeout=….",
    )


def silent(call: HTTPCall, timing: Timing) -> RequestTimeoutError:
    """Say that a reply stopped for longer than `Timing.idle_timeout`."""
    return RequestTimeoutError(
        f"{origin(call.url)} sent nothing for {timing.idle_timeout:g} s.",
        phase="read",
        hint="Raise idle_timeout=… if the model needs the time.",
    )


def not_connected(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Make the error for an address where no server answers."""
    return ConnectionFailedError(
        f"No connection to {origin(call.url)}: {reason}.", hint="Is the server running, and base_url right?"
    )


def untrusted(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Say that a server could not prove who it is."""
    return ConnectionFailedError(
        f"{origin(call.url)} is not trusted: {reason}.",
        hint="Where it is your own, or a proxy reads your traffic, let SSL_CERT_FILE or ca_file= name its authority.",
        retryable=False,
    )


def certificate_wanted(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Say that a server wants to know who asks, or does not believe it."""
    return ConnectionFailedError(
        f"{origin(call.url)} wants another certificate of ours: {reason}.",
        hint="Name one that it trusts, by client_certificate= and client_key= in the settings of the transport.",
        retryable=False,
    )


def proxy_not_reached(call: HTTPCall, proxy: Proxy, reason: str) -> ConnectionFailedError:
    """Say that the way to a server ends at a proxy."""
    return ConnectionFailedError(
        f"No connection to {origin(call.url)} by the proxy {proxy.url}: {reason}.",
        hint=f"Is the proxy running, and {proxy.source} right?",
    )


def is_untrusted(error: BaseException) -> bool:
    """Tell whether a connection failed because the server's certificate is not trusted."""
    return any(isinstance(link, ssl.SSLCertVerificationError) for link in _chain(error))


def is_unproved(error: BaseException) -> bool:
    """Tell whether a server ended a connection because of our certificate, or because there was none."""
    return any(getattr(link, "reason", None) in _OF_OUR_CERTIFICATE for link in _chain(error))


def is_of_tls(error: BaseException) -> bool:
    """Tell whether a connection failed at TLS, and so stood before."""
    return any(isinstance(link, ssl.SSLError) for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def refused_by_proxy(proxy: Proxy, reason: str) -> ConnectionFailedError:
    """Say that a proxy does not let a call through."""
    return ConnectionFailedError(
        f"The proxy {proxy.url} refuses the call: {reason}.",
        hint=f"Check {proxy.source}, and the user and password in it.",
        retryable=False,
    )


def broken(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Say that a connection ended before the reply did."""
    return ConnectionFailedError(
        f"The connection to {origin(call.url)} broke: {reason}.",
        hint="Ask again; if it happens often, look at the server or at a proxy between.",
    )


def bad_address(call: HTTPCall, reason: str) -> ConnectionFailedError:
    """Say that nothing can be sent to an address."""
    return ConnectionFailedError(
        f"The address {origin(call.url)} cannot be used: {reason.rstrip('.')}.",
        hint="Check base_url.",
        retryable=False,
    )


def bad_header() -> ConfigurationError:
    """Blame a header. Its value is not shown, nor the error that shows it: it may be the key."""
    return ConfigurationError(
        "A header cannot be sent: its value contains blanks at an end, control characters, or characters beyond ASCII.",
        hint="If it is the API key, copy it again, without anything around it.",
    )


def ambiguous_authorization() -> ConfigurationError:
    """Make the error for credentials in the address beside those in a header, of which only one can be sent."""
    return ConfigurationError(
        "base_url contains a user name or password, and the API key needs the same header, `authorization`.",
        hint="Remove what stands before the @ in base_url, or the API key.",
    )


FORWARDING_REFUSED: Final = 407
"""The status of a proxy that does not forward a call; servers do not send it (RFC 9110, section 15.5.8)."""


def forwarding_refused(proxy: Proxy) -> ConnectionFailedError:
    """Say that a proxy wants to know who asks."""
    return refused_by_proxy(proxy, "407 Proxy Authentication Required")


def too_large(limit: int) -> ResponseTooLargeError:
    """Say that a reply has more than ``limit`` bytes."""
    return ResponseTooLargeError(f"The reply is larger than the {limit:,} bytes that are kept in memory.")


def origin(url: str) -> str:
    """Name the server of an address without user, path and query, which may hold secrets."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "of the server"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
