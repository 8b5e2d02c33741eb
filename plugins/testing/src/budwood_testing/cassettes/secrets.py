"""Find secrets in requests and replies, in all encodings in which they may appear."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

MIN_SECRET_LENGTH: Final = 8
"""Shorter values are placeholders ("EMPTY", "ollama") and would match parts of other words."""

_MIN_KEY_LENGTH: Final = 20
"""From this length, a word with letters and digits counts as a key in any header."""

_NAMES: Final = re.compile(
    r"auth(?!or(?!i))|key|token(?!s)|secret|cookie|session|passw|credential|signature|organi[sz]ation|project|account|tenant",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(r"ratelimit|www-authenticate", re.IGNORECASE)

_PARAMETER: Final = re.compile(
    r"(?:.*[-_])?(?:key|apikey|token|accesstoken|sig|signature|password|secret|credential|code)", re.IGNORECASE
)
"""Names of query parameters with credentials, including those of signed URLs ("X-Amz-Signature", "sig")."""

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
"""Patterns of secrets: OAuth fields and forms, vendors' keys, JSON Web Tokens."""


def is_sensitive(header: str) -> bool:
    """Return whether a header with this name may contain a credential or an organisation name."""
    return _NAMES.search(header) is not None and _HARMLESS.search(header) is None


def is_sensitive_parameter(name: str) -> bool:
    """Return whether a query parameter with this name may contain a credential."""
    return _PARAMETER.fullmatch(unquote_plus(name)) is not None


def secrets_of_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield secrets in headers: values of sensitive headers, and words that look like keys."""
    for name, value in headers.items():
        words = re.findall(r"[^\s,;]+", value)
        if name.lower() == "set-cookie":
            words = words[:1]  # the rest are attributes of the cookie
        if is_sensitive(name):
            yield from _parts(words)
            yield from _decode_basic(words)
        else:
            yield from filter(_looks_like_key, words)


def secrets_of_url(url: str) -> Iterator[str]:
    """Yield passwords and credentials in a URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    yield from (unquote(secret) for secret in (parts.password, parts.username) if secret)
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if is_sensitive_parameter(name):
            yield unquote_plus(value)


def encodings(secret: str) -> Iterator[str]:
    """Yield a secret in all encodings that URLs, headers and bodies use."""
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


def compile_pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern for all encodings of all secrets, longest first, or None if there are none."""
    texts = {text for secret in secrets for text in encodings(secret) if len(text) >= MIN_SECRET_LENGTH}
    if not texts:
        return None
    return re.compile("|".join(map(re.escape, sorted(texts, key=lambda text: (-len(text), text)))))


def _base64(encoded: str, before: int, size: int) -> str:
    """Remove the characters at both ends that depend on the surrounding text."""
    return encoded[(before * 8 + 5) // 6 : (before + size) * 8 // 6]


def _parts(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield word
        yield word.partition("=")[2].strip('"')


def _decode_basic(words: list[str]) -> Iterator[str]:
    """Yield user and password of basic authorization (RFC 7617)."""
    if len(words) != 2 or words[0].lower() != "basic":
        return
    try:
        pair = b64decode(words[1]).decode()
    except ValueError:
        return
    yield pair
    yield from pair.split(":", 1)


def _looks_like_key(word: str) -> bool:
    return len(word) >= _MIN_KEY_LENGTH and re.fullmatch(r"(?=.*\d)(?=.*[A-Za-z])[\w.~+/=-]+", word) is not None
