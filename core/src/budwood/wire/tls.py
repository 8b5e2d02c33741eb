"""One SSL context for the process: making one costs 22 ms, nearly all of it for reading the certificates."""

from __future__ import annotations

import os
import ssl
import threading
from functools import cache

import certifi

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
    """
    global _loaded  # noqa: PLW0603 - belongs to the one context
    if _loaded:
        return
    with _lock:
        if not _loaded:
            file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
            if file or folder:
                shared_context().load_verify_locations(cafile=file or None, capath=folder or None)
            else:
                shared_context().load_verify_locations(cafile=certifi.where())
            _loaded = True
