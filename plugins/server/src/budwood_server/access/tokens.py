"""
The texts of API keys: ``bw_live_<id>_<secret>``.

The id finds the row of the key, and may be shown. The secret has 256 bits; only its SHA-256 is stored. A slow hash
would add nothing to that many random bits, and would run for each request.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from itertools import pairwise
from typing import Final, NamedTuple

from budwood.errors import ConfigurationError

PREFIX: Final = "bw_live_"
ID_CHARACTERS: Final = 16
SECRET_CHARACTERS: Final = 43
"""62 ** 43 is more than 2 ** 256."""

MAX_CHARACTERS: Final = 512
"""The length of the longest token that is looked up."""

_ALPHABET: Final = string.digits + string.ascii_letters
_TOKEN: Final = re.compile(r"bw_live_([0-9A-Za-z]{12,32})_([0-9A-Za-z]{43})")

_MIN_CHARACTERS: Final = 32
_MIN_DIFFERENT: Final = 10
_MIN_STEPS: Final = 22
"""The least numbers of characters, of different ones, and of different triples of steps between neighbours. A random
text of 32 hexadecimal digits has about 14 different ones and 29 triples; repetitions and sequences have few triples."""

_COMMON: Final = re.compile(
    r"sk-1234|admin|changeme|change-me|default|example|letmein|master|passw|qwerty|replace|secret|test|your[-_]",
    re.IGNORECASE,
)


class WeakKeyError(ConfigurationError):
    """A key that the user chose could be guessed."""

    error_code = "weak_key"


class Token(NamedTuple):
    """
    A token in its parts.

    Attributes:
        key_id: The id of the key.
        secret: What is hashed.
    """

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Token(key_id={self.key_id!r})"


def new_id() -> str:
    """Return a random id of a key, with 95 bits."""
    return _random_text(ID_CHARACTERS)


def new_secret() -> str:
    """Return a random secret."""
    return _random_text(SECRET_CHARACTERS)


def format_token(key_id: str, secret: str) -> str:
    """Return the token that a client sends."""
    return f"{PREFIX}{key_id}_{secret}"


def parse_token(text: str) -> Token | None:
    """
    Return the parts of a token; None if it is too long to be one.

    A text of another form may be a key that the user chose, whose id is made from its hash.
    """
    if (found := _TOKEN.fullmatch(text)) is not None:
        return Token(found[1], found[2])
    if not text or len(text) > MAX_CHARACTERS:
        return None
    return Token(f"x{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}", text)


def hash_secret(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def check_strength(token: str, *, where: str) -> None:
    """
    Refuse a key that could be guessed: a short, well-known, repetitive or sequential one.

    Args:
        token: The key that the user chose.
        where: The name of the setting, for the error.

    Raises:
        WeakKeyError: It is weak, or too long. The text of the error does not contain it.
    """
    if (reason := _find_weakness(token)) is None:
        return
    raise WeakKeyError(
        f"{where}: the key {reason}.",
        hint="Set it to random text, such as the output of `openssl rand -base64 32`, or remove it: the first start "
        "prints a key.",
    )


def _find_weakness(token: str) -> str | None:
    if len(token) > MAX_CHARACTERS:
        return f"has more than {MAX_CHARACTERS} characters"
    if not token.isascii() or not token.isprintable() or " " in token:
        return "has characters that a header cannot contain"
    if len(token) < _MIN_CHARACTERS:
        return f"has fewer than {_MIN_CHARACTERS} characters"
    if _COMMON.search(token) and not _TOKEN.fullmatch(token):
        return "contains a common word, such as admin or sk-1234"
    codes = token.removeprefix(PREFIX).encode()
    steps = [after - before for before, after in pairwise(codes)]
    triples = set(zip(steps, steps[1:], steps[2:], strict=False))
    if len(set(codes)) < _MIN_DIFFERENT or len(triples) < _MIN_STEPS:
        return "repeats characters or continues a sequence, and can be guessed"
    return None


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
