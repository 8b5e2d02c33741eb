"""Options of Budwood that a request sets, by headers ``x-budwood-*`` or in the field ``budwood`` of its body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, get_args

from budwood import Options
from budwood_server.web.problems import Problem, ProblemError, reject

FIELD: Final = "budwood"
"""The field of the body; ``extra_body={"budwood": {…}}`` in the SDKs of OpenAI and Anthropic."""

PREFIX: Final = b"x-budwood-"

_NAMES: Final = {
    "cache": "cache",
    "cache-namespace": "cache_namespace",
    "label": "label",
    "fallbacks": "fallbacks",
    "routing": "routing",
    "timeout": "timeout",
    "on-unsupported": "on_unsupported",
    "prompt": "prompt",
}
_OF_REPLIES: Final = frozenset({"provider", "model", "attempts", "cost", "adaptations"})
"""Headers that replies have: clients may send them back."""

CLIENT: Final = "client"
"""The header by which a program names itself, ``NAME/VERSION``, for telemetry."""

_CLIENT_VALUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}/[A-Za-z0-9][A-Za-z0-9._+-]{0,31}", re.ASCII)

_CACHE: Final = {"on": True, "off": False, "refresh": "refresh", "only": "only", True: True, False: False}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    name: get_args(Options.model_fields[name].annotation) for name in ("routing", "on_unsupported")
}
_POLICY: Final = {"cache_namespace": "cache", "variables": "prompt"}
"""Options that a policy knows under the name of another one."""

_OF_BODIES: Final = (*_NAMES.values(), "variables")
"""The options in a body."""


class PromptName(NamedTuple):
    """
    A prompt that a request names.

    Attributes:
        name: Its reference, such as ``greeting@production``.
        where: The field or header that names it.
    """

    name: str
    where: str


class PromptVariables(NamedTuple):
    """
    Values for the variables of a prompt.

    Attributes:
        values: The values by name.
        where: The field that has them.
    """

    values: Mapping[str, Any]
    where: str


def read_request_options(
    headers: Iterable[tuple[str, str]],
    body: Mapping[str, Any] | None,
    allowed: frozenset[str],
    *,
    prefix: str = f"{FIELD}.",
) -> dict[str, Any]:
    """
    Return the options of a request, as options of the core: ``fallbacks`` are still names of clients.

    The field of the body takes precedence over headers. The program that the header ``x-budwood-client`` names is
    `CLIENT`; a value of another form is left out. ``prompt`` is a `PromptName`, and ``variables`` are
    `PromptVariables`.

    Args:
        headers: The headers that begin with ``x-budwood-``, without that.
        body: The field ``budwood`` of the body, or None.
        allowed: The options that the policy of the key allows.
        prefix: What comes before the names of options in errors.

    Raises:
        ProblemError: An option is unknown, not allowed, or its value is not valid.
    """
    options: dict[str, Any] = {}
    for header, value in headers:
        name = _NAMES.get(header)
        if name is None:
            if header == CLIENT:
                options |= {CLIENT: value} if _CLIENT_VALUE.fullmatch(value) else {}
                continue
            if header in _OF_REPLIES:
                continue
            raise _unknown(f"x-budwood-{header}", [f"x-budwood-{known}" for known in _NAMES])
        parsed = [part.strip() for part in value.split(",") if part.strip()] if name == "fallbacks" else value
        _set(options, name, parsed, f"x-budwood-{header}", allowed)
    if body is not None:
        _read_body(body, options, allowed, prefix)
    return options


def _read_body(body: object, options: dict[str, Any], allowed: frozenset[str], prefix: str) -> None:
    if not isinstance(body, Mapping):
        raise reject("The field 'budwood' must be an object.", param=FIELD)
    for key, value in body.items():
        name = str(key).replace("-", "_")
        if name not in _OF_BODIES:
            raise _unknown(f"{prefix}{key}", [f"{prefix}{known}" for known in _OF_BODIES])
        if name == "cache" and isinstance(value, Mapping):  # {"mode": …, "namespace": …}
            for inner, option in (("mode", "cache"), ("namespace", "cache_namespace")):
                if inner in value:
                    _set(options, option, value[inner], f"{prefix}cache.{inner}", allowed)
        else:
            _set(options, name, value, f"{prefix}{key}", allowed)


def check_option(name: str, where: str, allowed: frozenset[str]) -> None:
    """
    Check that the policy of a key allows an option.

    Raises:
        ProblemError: 403: it does not. The error names the field ``where``.
    """
    if _POLICY.get(name, name) not in allowed:
        raise ProblemError(
            Problem(
                status=403,
                message=f"This key may not set {where}.",
                type="permission_error",
                code="option_not_allowed",
                param=where,
                hint="Leave it out, or ask the operator for a key whose policy allows it.",
            )
        )


def _set(options: dict[str, Any], name: str, value: object, where: str, allowed: frozenset[str]) -> None:
    check_option(name, where, allowed)
    if name == "variables":
        options[name] = _parse_variables(value, where)
    else:
        parsed = _parse(name, value, where)
        options[name] = PromptName(parsed, where) if name == "prompt" else parsed


def _parse_variables(value: object, where: str) -> PromptVariables:
    if not isinstance(value, Mapping):
        raise reject(f"{where} must be an object with a value for each variable.", param=where)
    return PromptVariables(value, where)


def _parse(name: str, value: object, where: str) -> Any:  # noqa: ANN401 - of each option
    match name:
        case "cache":
            if isinstance(value, str | bool) and value in _CACHE:
                return _CACHE[value]
            raise reject(f"{where} must be 'on', 'off', 'refresh' or 'only'.", param=where)
        case "timeout":
            return _parse_timeout(value, where)
        case "fallbacks":
            if isinstance(value, list) and all(isinstance(each, str) and each for each in value):
                return value
            raise reject(f"{where} must be a list of names of models.", param=where)
        case "on_unsupported" | "routing" if value not in _CHOICES[name]:
            raise reject(f"{where} must be one of: {', '.join(_CHOICES[name])}.", param=where)
        case _:
            if isinstance(value, str) and value:
                return value
            raise reject(f"{where} must be a text that is not empty.", param=where)


def _parse_timeout(value: object, where: str) -> float:
    try:
        seconds = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise reject(f"{where} must be a number of seconds above 0.", param=where)
    return seconds


def _unknown(where: str, known: Iterable[str]) -> ProblemError:
    return reject(f"Unknown option {where!r}.", param=where, code="unknown_option", hint=f"Known: {', '.join(known)}.")
