"""Take credentials out of errors and replies: servers repeat them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from budwood.errors import BudwoodError
from budwood.providing.bodies import CUT
from budwood.types import HTTPReply

_REDACTED: Final = "[redacted]"

_TELLING: Final = 4
"""A shorter beginning of a secret stays in texts that were cut: all keys of a vendor begin with the same characters."""


def scrub(error: BudwoodError, secret: str) -> None:
    """Take a credential out of an error and its causes; errors inside a 200 repeat it too."""
    cause: BaseException | None = error
    while secret and cause is not None:
        cause.args = tuple(_without(secret, value) for value in cause.args)
        if isinstance(cause, BudwoodError):
            vars(cause).update({name: _without(secret, value) for name, value in vars(cause).items()})
        cause = cause.__cause__ or cause.__context__


def scrub_reply(reply: HTTPReply, secret: str) -> HTTPReply:
    """Take a credential out of a reply."""
    hidden = secret.encode()
    if not hidden or hidden not in reply.body:
        return reply
    return HTTPReply(reply.head, reply.body.replace(hidden, _REDACTED.encode()))


def _without(secret: str, value: object) -> object:
    if isinstance(value, str):
        return _without_beginning(secret, value.replace(secret, _REDACTED))
    if isinstance(value, Mapping):
        return {_without(secret, name): _without(secret, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(secret, inner) for inner in value]
    if type(value) is tuple:
        return tuple(_without(secret, inner) for inner in value)
    return value


def _without_beginning(secret: str, text: str) -> str:
    """Take out what is left of a secret where the text was cut in the middle of it."""
    if CUT in text:
        for length in range(len(secret) - 1, _TELLING - 1, -1):
            text = text.replace(secret[:length] + CUT, _REDACTED + CUT)
    return text
