"""The key of the provider: from an option, from the settings, or typed."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from budwood_cli import questions, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.setup.candidates import ConfiguredKey
from budwood_cli.stored_keys import clean_token

if TYPE_CHECKING:
    from budwood import Settings
    from budwood_cli.setup.answers import Answers
    from budwood_cli.setup.candidates import Candidate

TOKEN_FLAG: Final = "--token -"  # noqa: S105 - an option

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MIN_KEY: Final = 16
_USUAL_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")


@dataclass(frozen=True)
class Key:
    """
    The key to use.

    Attributes:
        secret: A new key; None if the configured one is used, or none.
        configured: The configured key that is used; None without one.
        is_typed: Whether it was typed, so that a wrong one can be typed again.
    """

    secret: SecretStr | None = None
    configured: ConfiguredKey | None = None
    is_typed: bool = False

    @property
    def text(self) -> str | None:
        """The new key."""
        return None if self.secret is None else self.secret.get_secret_value()

    @property
    def exists(self) -> bool:
        """Whether there is a key."""
        return self.secret is not None or self.configured is not None

    @property
    def can_be_replaced(self) -> bool:
        """Whether another key that is typed would be used: not if a variable or a file has one."""
        return self.is_typed or (self.secret is None and (self.configured is None or self.configured.kind == "stored"))


def find_key(candidate: Candidate, answers: Answers) -> Key:
    """
    Return the key for a provider. It is asked for only if the provider needs one and none is configured.

    Raises:
        ArgumentError: An option has no key, or the question cannot be asked.
    """
    if answers.token is not None or answers.key_env is not None:
        if not candidate.takes_key:
            raise ArgumentError(f"{candidate.name} takes no API key.", hint="Leave --token and --key-env out.")
        return _from_option(candidate, answers)
    if candidate.key is None:
        return ask_key(candidate) if candidate.needs_key else Key()
    if candidate.key.kind == "stored" and questions.is_interactive() and not answers.yes:
        if not questions.confirm(f"Use the stored key of {candidate.name}?", flag=TOKEN_FLAG, default=True):
            return ask_key(candidate)
    else:
        terminal.note(f"{candidate.name}: using the key in {candidate.key.place}.")
    return Key(configured=candidate.key)


def without_foreign_key(candidate: Candidate, settings: Settings, base_url: str | None) -> Candidate:
    """Return a provider without its stored key, after a note, if that key was stored for another address."""
    from budwood.credential_store import KeyTargetError
    from budwood.errors import BudwoodError
    from budwood.hooks import PROVIDER
    from budwood.plugins import Instances

    if candidate.key is None or candidate.key.kind != "stored":
        return candidate
    try:
        Instances(settings).build(PROVIDER, candidate.name, {"base_url": base_url})
    except KeyTargetError as error:
        terminal.note(f"note: {error.message}")
        return replace(candidate, key=None)
    except BudwoodError:  # raised by the check
        return candidate
    return candidate


def ask_key(candidate: Candidate, *, again: bool = False) -> Key:
    """
    Ask for a key, which is not shown.

    Args:
        candidate: The provider.
        again: Whether the user was told already where to create a key.

    Raises:
        ArgumentError: The question cannot be asked.
    """
    if candidate.key_page and not again and questions.is_interactive():
        terminal.note(f"Create a key at {candidate.key_page}")
    while True:
        flag = f"{TOKEN_FLAG}, or set {candidate.variables[0]}"
        secret = questions.ask_secret(_question(candidate), flag=flag)
        try:
            secret = clean_token(secret)
        except ArgumentError as error:
            terminal.note(str(error))
            continue
        _note_unusual(candidate, secret)
        return Key(SecretStr(secret), is_typed=True)


def _question(candidate: Candidate) -> str:
    return f"API key of {candidate.name} (hidden)"


def _from_option(candidate: Candidate, answers: Answers) -> Key:
    if answers.token is not None and answers.key_env is not None:
        raise ArgumentError("--token and --key-env both have a key.", hint="Pass one of them.")
    if answers.key_env is not None:
        return _from_variable(candidate, answers.key_env)
    secret = answers.token or ""
    if secret == "-":  # noqa: S105 - an option
        secret = questions.ask_secret(_question(candidate), flag=TOKEN_FLAG) if _is_typed() else _read_line()
    elif secret:
        terminal.note("warning: other programs can see --token in the list of processes. Use --token - instead.")
    secret = clean_token(secret)
    _note_unusual(candidate, secret)
    return Key(SecretStr(secret))


def _is_typed() -> bool:
    return terminal.is_terminal(sys.stdin)


def _read_line() -> str:
    return "" if sys.stdin is None else sys.stdin.readline()


def _from_variable(candidate: Candidate, name: str) -> Key:
    secret = os.environ.get(name, "").strip()
    if not secret:
        raise _missing_variable(name, candidate.variables[0])
    secret = clean_token(secret)
    _note_unusual(candidate, secret)
    if name in candidate.variables:
        return Key(configured=ConfiguredKey("environment", name))
    return Key(SecretStr(secret))


def _missing_variable(name: str, example: str) -> ArgumentError:
    """Return the error for a variable that is not set. What may be the key itself is not shown."""
    if not _VARIABLE.fullmatch(name):
        return ArgumentError(
            "The value of --key-env is not the name of an environment variable.",
            hint=f"Pass a name, such as {example}. --token - reads the key itself.",
        )
    is_shown = _USUAL_VARIABLE.fullmatch(name) and max(map(len, name.split("_"))) < _MIN_KEY
    shown = f"The environment variable {name}" if is_shown else "The variable that --key-env names"
    return ArgumentError(f"{shown} is not set.", hint="Set it to the key, or use --token -.")


def _note_unusual(candidate: Candidate, secret: str) -> None:
    """Note that a key does not look like those of the vendor. It may work nevertheless."""
    from budwood_cli.key_sources import describe_unusual_key

    if unusual := describe_unusual_key(candidate.name, secret):
        terminal.note(f"note: {unusual}")
