"""
Remove secrets from errors: servers repeat the credential that they reject.

An error is classified first, from the reply as it is, and cleaned afterwards, text by text: a dummy key such as
``"null"`` may be part of a vendor's codes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from budwood.errors import BudwoodError
from budwood.providing.bodies import CUT
from budwood.types.http import is_secret_header

_REDACTED: Final = "[redacted]"

MIN_LENGTH: Final = 8
"""Shorter secrets are left in texts: they are dummies such as ``"test"``, and parts of ordinary words."""

_MIN_BEGINNING: Final = 4
"""Shorter beginnings of secrets are left in truncated texts, since all keys of a vendor have the same prefix."""

_OWN_FIELDS: Final = frozenset({"provider", "model", "plugin", "distribution", "version", "method", "phase"})
"""Attributes of errors with names of our own, which may be equal to a dummy key."""


def settings_secrets(settings: BaseModel) -> tuple[str, ...]:
    """Return the secrets in a plugin's settings: secret fields, secret headers, and user and password of addresses."""
    return tuple(secret for _, value in settings for secret in _secrets_in(value))


def scrub(error: BudwoodError, secrets: Iterable[str]) -> None:
    """
    Remove secrets from an error, and from the errors that are chained to it.

    A foreign error that still contains one is removed from the chain, such as one of a codec, which contains all bytes.

    Args:
        error: The error, which is changed.
        secrets: The configured secrets. Their usual forms and long parts of them are removed as well.
    """
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    if not forms:
        return
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop()
        seen.add(id(link))
        _clean(link, forms)
        if link.__cause__ is not None and _contains_secret(link.__cause__, forms):
            link.__cause__ = None
        if link.__context__ is not None and _contains_secret(link.__context__, forms):
            link.__context__ = None
        waiting += [each for each in (link.__cause__, link.__context__) if each is not None and id(each) not in seen]


def _secrets_in(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case SecretBytes():
            yield value.get_secret_value().decode("latin-1")
        case str() if "@" in value and "://" in value:
            yield from _address_secrets(value)
        case Mapping():
            yield from (
                inner for header, inner in value.items() if isinstance(inner, str) and is_secret_header(str(header))
            )
        case _:
            pass


def _address_secrets(url: str) -> Iterator[str]:
    """Return the password in an address, or a token in its place, and its form in the header ``authorization``."""
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:  # not an address, which is reported when it is used
        return
    if password:
        yield parts.password or ""
        yield password
    elif user:
        yield parts.username or ""
        yield user
    yield base64.b64encode(f"{user}:{password}".encode("utf-8", "replace")).decode()


def _forms(secret: str) -> Iterator[str]:
    """Return how a server may write a secret: also without its scheme (``Bearer``), escaped, or in base64."""
    for word in {secret, *secret.split()}:
        if len(word) >= MIN_LENGTH:
            yield word
            yield word.replace("/", r"\/")
            yield quote(word, safe="", errors="replace")
            yield base64.b64encode(word.encode("utf-8", "replace")).decode().rstrip("=")


def _clean(error: BaseException, forms: list[str]) -> None:
    error.args = tuple(_without(forms, value) for value in error.args)
    if isinstance(error, BudwoodError):
        state = {name: value for name, value in vars(error).items() if name not in _OWN_FIELDS}
        vars(error).update({name: _without(forms, value) for name, value in state.items()})


def _contains_secret(error: BaseException, forms: list[str]) -> bool:
    """Tell whether a foreign error contains a secret that cannot be replaced."""
    if isinstance(error, BudwoodError):
        return False
    values = [*vars(error).values(), getattr(error, "object", None), getattr(error, "doc", None)]
    values += [argument for argument in error.args if isinstance(argument, bytes)]
    if isinstance(error, ValidationError):
        values.append(repr(error.errors(include_url=False)))
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    return any(_without(forms, text) != text for text in texts if isinstance(text, str))


def _without(forms: list[str], value: object) -> object:
    if isinstance(value, str):
        for form in forms:
            value = _without_form(form, value)
        return value
    if isinstance(value, Mapping):
        return {_without(forms, name): _without(forms, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(forms, inner) for inner in value]
    if type(value) is tuple:
        return tuple(_without(forms, inner) for inner in value)
    return value


def _without_form(secret: str, text: str) -> str:
    text = text.replace(secret, _REDACTED)
    if CUT in text:  # the text was truncated within the secret
        for length in range(len(secret) - 1, _MIN_BEGINNING - 1, -1):
            text = text.replace(secret[:length] + CUT, _REDACTED + CUT)
    return _without_parts(secret, text)


def _without_parts(secret: str, text: str) -> str:
    """Remove long parts of a secret: some servers repeat a key without its beginning or its end."""
    size = max(MIN_LENGTH, len(secret) * 3 // 5)
    windows = {secret[start : start + size]: start for start in range(len(secret) - size + 1)}
    place = 0
    while place + size <= len(text):
        start = windows.get(text[place : place + size])
        if start is None:
            place += 1
            continue
        end = size
        while start + end < len(secret) and text[place + end : place + end + 1] == secret[start + end]:
            end += 1
        text = f"{text[:place]}{_REDACTED}{text[place + end :]}"
        place += len(_REDACTED)
    return text
