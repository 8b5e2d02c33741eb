"""One SSL context for the process: making one costs 22 ms, nearly all of it for reading the certificates."""

from __future__ import annotations

import os
import ssl
import threading
from functools import cache

import certifi

from budwood.errors import ConfigurationError

_lock = threading.Lock()
_loaded = False


@cache
def shared_context() -> ssl.SSLContext:
    """Return the context. It trusts nobody until `load_certificates` is called."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def load_certificates() -> None:
    """
    Read the certificates of trusted authorities into the shared context, at the first call only.

    They come from ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` where these are set, as with httpx, and else from certifi.

    Raises:
        ConfigurationError: What is set cannot be read.
    """
    global _loaded  # noqa: PLW0603 - belongs to the one context
    if _loaded:
        return
    with _lock:
        if not _loaded:
            file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
            if file or folder:
                _load(file or None, folder or None)
            else:
                shared_context().load_verify_locations(cafile=certifi.where())
            _loaded = True


def _load(file: str | None, folder: str | None) -> None:
    try:
        shared_context().load_verify_locations(cafile=file, capath=folder)
    except OSError as error:  # an `ssl.SSLError`, of a file without certificates, is one too
        variable, value = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folder)
        raise ConfigurationError(
            f"The certificates of {variable}={value} cannot be read: {error.strerror or error}.",
            hint=f"Let {variable} name certificates in PEM form, or unset it.",
        ) from error
