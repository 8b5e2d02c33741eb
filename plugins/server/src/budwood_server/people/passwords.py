"""Hashes of passwords by scrypt (RFC 7914), with the parameters that OWASP recommends."""

from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hmac import compare_digest
from typing import Annotated, Final

from pydantic import Field, SecretStr

MIN_CHARACTERS: Final = 12
MAX_CHARACTERS: Final = 200

_N: Final = 2**15
_R: Final = 8
_P: Final = 3
_SALT_BYTES: Final = 16
_MAX_MEMORY: Final = 64 * 1024 * 1024
_AT_ONCE: Final = 2
"""The hashes that a process computes at the same time: each takes 32 MB."""

Password = Annotated[SecretStr, Field(min_length=MIN_CHARACTERS, max_length=MAX_CHARACTERS)]
"""A new password."""

GivenPassword = Annotated[SecretStr, Field(max_length=MAX_CHARACTERS)]
"""A password that is compared."""


def hash_password(password: str) -> str:
    """Return what is stored of a password: ``scrypt$N$r$p$salt$hash``."""
    salt = os.urandom(_SALT_BYTES)
    parts = (b64encode(salt).decode(), b64encode(_scrypt(password, salt, _N, _R, _P)).decode())
    return "$".join(("scrypt", str(_N), str(_R), str(_P), *parts))


async def hash_in_thread(password: str) -> str:
    """Return what is stored of a password, while the event loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), hash_password, password)


async def verify_password(password: str, stored: str | None) -> bool:
    """
    Tell whether a password is the stored one, in a thread.

    It takes as long without a stored one, so that the time does not tell whether an account exists.
    """
    loop = asyncio.get_running_loop()
    is_equal = await loop.run_in_executor(_threads(), _verify, password, stored or _nothing())
    return is_equal and stored is not None


def _verify(password: str, stored: str) -> bool:
    _, n, r, p, salt, digest = stored.split("$")
    return compare_digest(_scrypt(password, b64decode(salt), int(n), int(r), int(p)), b64decode(digest))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    encoded = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32)


@cache
def _nothing() -> str:
    digest = b64encode(bytes(32)).decode()
    return f"scrypt${_N}${_R}${_P}${digest}${digest}"


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, "budwood-password")
