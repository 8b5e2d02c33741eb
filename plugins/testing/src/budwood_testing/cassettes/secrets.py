"""Find secrets in what is about to be recorded, in every form in which they may be written."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

SHORTEST: Final = 8
"""Fewer characters are no secret but a placeholder ("EMPTY", "ollama"), and would be found in every other word."""

_KEY_LIKE: Final = 20
"""From this length, characters without a space, with letters and digits, count as a key in any header."""

_NAMES: Final = re.compile(
    r"auth(?!or(?!i))|key|token(?!s)|secret|cookie|session|passw|credential|signature|organi[sz]ation|project|account|tenant",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(r"ratelimit|www-authenticate", re.IGNORECASE)

_PARAMETER: Final = re.compile(
    r"(?:.*[-_])?(?:key|apikey|token|accesstoken|sig|signature|password|secret|credential|code)", re.IGNORECASE
)
"""Names of query parameters that carry credentials, also signed addresses ("X-Amz-Signature", "sig")."""

PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\"(?:access_token|refresh_token|id_token|client_secret|client_assertion)\\*\"\s*:\s*\\*\"([^\"\\]+)",
        r"(?:^|&)(?:access_token|refresh_token|client_secret|client_assertion|assertion|password)=([^&\s]+)",
        r"[?&](?i:key|api[-_]?key|access_token|sig|signature|x-amz-[a-z]*-?(?:signature|credential|token))=([^&\s\"'\\<>]+)",
        r"(?i:\bbearer )((?=[^\s\d]*\d)[\w.~+/-]{16,}=*)",
        r"(?<![\w-])(?:sk|gsk|xai|hf)[-_][\w-]{20,}",
        r"(?<![\w-])AIza[\w-]{35}",
        r"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    )
)
"""What looks like a secret: fields and forms of OAuth, keys of vendors, JSON Web Tokens."""


def is_sensitive(header: str) -> bool:
    """Say whether a header of this name may carry a credential, or name an organisation."""
    return _NAMES.search(header) is not None and _HARMLESS.search(header) is None


def is_sensitive_parameter(name: str) -> bool:
    """Say whether a query parameter of this name may carry a credential."""
    return _PARAMETER.fullmatch(unquote_plus(name)) is not None


def secrets_of_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """Collect what is secret in headers: the values of those that are called so, and what looks like a key."""
    for name, value in headers.items():
        words = re.findall(r"[^\s,;]+", value)
        if name.lower() == "set-cookie":
            words = words[:1]  # what follows is the cookie's attributes
        if is_sensitive(name):
            yield from _parts(words)
            yield from _of_basic(words)
        else:
            yield from filter(_looks_like_key, words)


def secrets_of_url(url: str) -> Iterator[str]:
    """Collect passwords and credentials from an address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    yield from (unquote(secret) for secret in (parts.password, parts.username) if secret)
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if is_sensitive_parameter(name):
            yield unquote_plus(value)


def forms(secret: str) -> Iterator[str]:
    """Write a secret in all the forms that it may have in an address, a header or a body."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(secret)[1:-1].replace("/", "\\/")
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield re.sub("%..", lambda match: match[0].lower(), quoted)
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            yield _base64(encode(b"\0" * before + secret.encode()).decode(), before, len(secret.encode()))


def longest_first(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Write one pattern that finds all forms of all secrets; None where there are none."""
    found = {form for secret in secrets for form in forms(secret) if len(form) >= SHORTEST}
    if not found:
        return None
    return re.compile("|".join(map(re.escape, sorted(found, key=lambda form: (-len(form), form)))))


def _base64(encoded: str, before: int, size: int) -> str:
    """Leave out the characters at both ends that depend on the text around the secret."""
    return encoded[(before * 8 + 5) // 6 : (before + size) * 8 // 6]


def _parts(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield word
        yield word.partition("=")[2].strip('"')


def _of_basic(words: list[str]) -> Iterator[str]:
    """Unpack name and password (RFC 7617)."""
    if len(words) != 2 or words[0].lower() != "basic":
        return
    try:
        pair = b64decode(words[1]).decode()
    except ValueError:
        return
    yield pair
    yield from pair.split(":", 1)


def _looks_like_key(word: str) -> bool:
    return len(word) >= _KEY_LIKE and re.fullmatch(r"(?=.*\d)(?=.*[A-Za-z])[\w.~+/=-]+", word) is not None
