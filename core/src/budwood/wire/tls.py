"""One SSL context for all that trust the same: making one costs 22 ms, nearly all of it for reading certificates."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path
from typing import Final, NamedTuple

from budwood.errors import ConfigurationError
from budwood.wire.transport_settings import TransportSettings


class _Trust(NamedTuple):
    """What an SSL context is made of; equal ones share a context. ``named`` says who names the ``authorities``."""

    named: str | None
    authorities: Path | None
    client_certificate: Path | None
    client_key: Path | None
    verify: bool
    alpn: tuple[str, ...]


_lock: Final = threading.Lock()
_contexts: Final[dict[_Trust, ssl.SSLContext]] = {}


def ssl_context(settings: TransportSettings) -> ssl.SSLContext:
    """
    Return the context of these settings: one for the process, made when it is first needed.

    The trusted certificates are those of ``ca_file``, else of ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` where these are
    set, as with httpx, and else certifi's.

    Raises:
        ConfigurationError: A file cannot be read, or holds no certificate or key.
    """
    named, authorities = _authorities(settings)
    trust = _Trust(
        named,
        authorities,
        settings.client_certificate,
        settings.client_key,
        settings.verify,
        ("h2", "http/1.1") if settings.http2 else ("http/1.1",),
    )
    with _lock:
        if trust not in _contexts:
            _contexts[trust] = _made(trust)
        return _contexts[trust]


def _made(trust: _Trust) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(list(trust.alpn))
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.named is not None and trust.authorities is not None:
        _load(context, trust.named, trust.authorities)
    else:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    if trust.client_certificate is not None:
        _prove(context, trust.client_certificate, trust.client_key)
    return context


def _authorities(settings: TransportSettings) -> tuple[str, Path] | tuple[None, None]:
    """Say who names the authorities to trust, and where they are; nobody where they are certifi's."""
    if settings.ca_file is not None:
        return "ca_file", settings.ca_file
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if settings.trust_env else ():
        if said := os.environ.get(name):
            return name, Path(said)
    return None, None


def _load(context: ssl.SSLContext, named: str, path: Path) -> None:
    try:
        if named == "SSL_CERT_DIR":
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:  # an `ssl.SSLError`, of a file without certificates, is one too
        raise ConfigurationError(
            f"The certificates of {named}={path} cannot be read: {error.strerror or error}.",
            hint=f"Let {named} name certificates in PEM form, or unset it.",
        ) from error


def _prove(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # The empty password keeps OpenSSL from asking for one at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise ConfigurationError(
            f"The client_certificate {certificate} cannot be used: {error.strerror or error}.",
            hint="Give a certificate and its key, not encrypted, in PEM form.",
        ) from error
