"""The addresses of an instance: for reports, and to check its key."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from budwood.contracts import LocalProvider
from budwood.hooks import ProviderSpec
from budwood.plugins import Instance


def find_url(instance: Instance[ProviderSpec[Any]]) -> str | None:
    """Return the address of a provider without user, password and query, which may be secrets."""
    url = str(getattr(instance.settings, "base_url", None) or "")
    if isinstance(instance.implementation, LocalProvider) or not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:  # not an address, which is reported when it is used
        return None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def find_key_check(instance: Instance[ProviderSpec[Any]]) -> str:
    """Return the request that checks a key of the provider, with the address of this instance."""
    check = instance.spec.key_check if instance.preset is None else instance.preset.key_check
    if not check.startswith("/"):
        return check
    return str(getattr(instance.settings, "base_url", "")).rstrip("/") + check
