"""Options of a call: those of a command, further ones as ``-O KEY VALUE``, and the vendor's own as ``--extra JSON``."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from budwood_cli.errors import ArgumentError

NAMES: Final = ("-O", "--option")

Pairs = Annotated[
    list[str] | None,
    typer.Option(
        *NAMES, metavar="KEY VALUE", help="Another option of the call, as in Python: -O timeout 60. Can be repeated."
    ),
]
Extra = Annotated[
    str | None, typer.Option("--extra", metavar="JSON", help="Parameters of the vendor, sent unchanged: a JSON object.")
]

_ELSEWHERE: Final = {"model": "-m PROVIDER/MODEL", "extra": "--extra JSON"}
_COUNT: Final = "n"
"""The number of results, which the command has to know."""


def join_pairs(arguments: Sequence[str]) -> list[str]:
    """Join each ``-O KEY VALUE`` to ``-O KEY=VALUE``: repeated options of typer take one value."""
    joined = []
    rest = iter(arguments)
    for argument in rest:
        joined.append(argument)
        if argument == "--":
            break
        if argument in NAMES and (key := next(rest, None)) is not None:
            value = None if "=" in key else next(rest, None)
            joined.append(key if value is None else f"{key}={value}")
    return [*joined, *rest]


def read_options(method: Callable[..., object], pairs: Sequence[str] | None, extra: str | None, **named: object) -> Any:  # noqa: ANN401 - options of many types
    """
    Return the options of a call, without those that are None.

    Args:
        method: The method of the client that is called.
        pairs: Values of ``-O``, as `join_pairs` returns them. Numbers stay texts, which the client converts.
        extra: The value of ``--extra``.
        **named: The options that the command has.

    Raises:
        ArgumentError: A value is not valid, an option is given twice, or the command does not take it.
    """
    given = {name: value for name, value in named.items() if value is not None}
    if extra is not None:
        given["extra"] = _parse_object(extra)
    arguments = (inspect.signature(method).parameters.keys() - {"options"}) | ({_COUNT} & named.keys())
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        _check(
            key,
            has_value=bool(equals),
            is_taken=key in arguments or (key == _COUNT and key in named),
            is_given=key in given,
        )
        given[key] = _parse_value(value)
    return given


@contextmanager
def option_errors(pairs: Sequence[str] | None, given: Mapping[str, object] | None = None) -> Iterator[None]:
    """
    Turn the client's errors about a value of an option into errors of usage: such an option is no setting.

    Args:
        pairs: Values of ``-O``.
        given: The options of the call, as `read_options` returned them.
    """
    from budwood.errors import ConfigurationError

    try:
        yield
    except ConfigurationError as error:
        keys = [pair.partition("=")[0].strip().replace("-", "_") for pair in pairs or ()]
        if any(re.search(rf"\b{re.escape(key)}\b", error.message) for key in keys if key):
            raise ArgumentError(f"-O: {error.message}", hint=error.hint or _VALUE_HINT) from error
        name = "schema" if error.message.startswith(_SCHEMA_ERROR) else next(iter(_OPTION.findall(error.message)), "")
        if name and name in (given or {}):
            flag = f"--{name.replace('_', '-')}"
            message = _OPTION.sub("", error.message)
            raise ArgumentError(f"{flag}: {message}", hint=error.hint or _VALUE_HINT) from error
        raise


_OPTION: Final = re.compile(r"^options: '(\w+)': ")
_SCHEMA_ERROR: Final = "The JSON schema is not valid"
_VALUE_HINT: Final = "Pass another value, or leave the option out."


def _check(key: str, *, has_value: bool, is_taken: bool, is_given: bool) -> None:
    if not has_value:
        raise ArgumentError(f"-O {key} has no value.", hint="Write -O KEY VALUE, such as -O timeout 60.")
    if key in _ELSEWHERE:
        raise ArgumentError(f"-O cannot set {key}.", hint=f"Pass {_ELSEWHERE[key]}.")
    if is_taken:
        raise ArgumentError(f"-O cannot set {key}, which the command sets.", hint="Leave it out, or see --help.")
    if is_given:
        raise ArgumentError(f"The option {key} is given twice.", hint="Pass it once.")


def _parse_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArgumentError(f"--extra is not JSON: {error}.", hint=_EXAMPLE) from error
    if not isinstance(value, dict):
        raise ArgumentError("--extra is not a JSON object.", hint=_EXAMPLE)
    return value


_EXAMPLE: Final = 'Quote it for the shell: --extra \'{"user": "me"}\'.'


def _parse_value(text: str) -> object:
    """Return a value: JSON, except for numbers, or else a text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, int | float) and not isinstance(value, bool) else value
