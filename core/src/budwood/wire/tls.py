"""Share SSL contexts: creating one takes 22 ms, nearly all of it for reading certificates."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path
from typing import Final, NamedTuple

from budwood.errors import ConfigurationError
from budwood.wire.transport_settings import TransportSettings


class _Trust(NamedTuple):
    """The inputs of an SSL context; equal ones share a context. ``source`` is the setting of ``authorities``."""

    source: str | None
    authorities: Path | None
    client_certificate: Path | None
    client_key: Path | None
    verify: bool
    alpn: tuple[str, ...]


_lock: Final = threading.Lock()
_contexts: Final[dict[_Trust, ssl.SSLContext]] = {}


def ssl_context(settings: TransportSettings) -> ssl.SSLContext:
    """
    Return the context for these settings, which the process creates once, when it is first needed.

    The trusted certificates are those of ``ca_file``; without it, those of ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``, as
    with httpx; without these, certifi's.

    Raises:
        ConfigurationError: A file cannot be read, or contains no certificate or key.
    """
    source, authorities = _find_authorities(settings)
    trust = _Trust(
        source,
        authorities,
        settings.client_certificate,
        settings.client_key,
        settings.verify,
        ("h2", "http/1.1") if settings.http2 else ("http/1.1",),
    )
    with _lock:
        if trust not in _contexts:
            _contexts[trust] = _create_context(trust)
        return _contexts[trust]


def _create_context(trust: _Trust) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(list(trust.alpn))
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.source is not None and trust.authorities is not None:
        _load_authorities(context, trust.source, trust.authorities)
    else:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    if trust.client_certificate is not None:
        _load_client_certificate(context, trust.client_certificate, trust.client_key)
    return context


def _find_authorities(settings: TransportSettings) -> tuple[str, Path] | tuple[None, None]:
    """Return the setting that configures the trusted authorities, and their path; None for certifi's."""
    if settings.ca_file is not None:
        return "ca_file", settings.ca_file
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if settings.trust_env else ():
        if path := os.environ.get(name):
            return name, Path(path)
    return None, None


def _load_authorities(context: ssl.SSLContext, source: str, path: Path) -> None:
    try:
        if source == "SSL_CERT_DIR":
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:  # also `ssl.SSLError`, for a file without certificates
        raise ConfigurationError(
            f"Cannot read the certificates of {source}={path}: {error.strerror or error}.",
            hint=f"Set {source} to certificates in PEM form, or unset it.",
        ) from error


def _load_client_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # The empty password keeps OpenSSL from asking for one at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise ConfigurationError(
            f"Cannot use the client_certificate {certificate}: {error.strerror or error}.",
            hint="Set client_certificate and client_key to a certificate and its key, not encrypted, in PEM form.",
        ) from error
