"""Read the API key of a vendor that is to be stored."""

from __future__ import annotations

import sys

from budwood_cli import terminal


def read_key(provider: str, token: str | None) -> str:
    """
    Return a key from the option ``--token``, from standard input, or from the terminal.

    Args:
        provider: The provider of the key.
        token: What the option says: ``-`` for standard input, None to ask for the key.

    Raises:
        ArgumentError: It is empty, has characters that no key has, or cannot be asked for.
    """
    from budwood_cli.key_sources import describe_unusual_key
    from budwood_cli.questions import ask_secret
    from budwood_cli.stored_keys import clean_token

    if token is None:
        secret = clean_token(ask_secret(f"API key of {provider} (hidden)", flag="--token -"))
    elif token == "-":  # noqa: S105 - standard input
        secret = clean_token(_read_input())
    else:
        secret = clean_token(token)
        terminal.note(
            "warning: the key is now in the history of your shell, and was in the list of processes. "
            "`--token -` reads it from standard input, and without --token it is asked for."
        )
    if unusual := describe_unusual_key(provider, secret):
        terminal.note(f"warning: {unusual}")
    return secret


def _read_input() -> str:
    """Read the key from standard input; at a terminal it is one line."""
    stream = sys.stdin
    if stream is None:
        return ""
    data = stream.buffer.readline() if terminal.is_terminal(stream) else stream.buffer.read()
    return data.decode("utf-8", "replace")
