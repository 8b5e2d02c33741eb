"""Convert the core's hints, written for programs, to the command line."""

from __future__ import annotations

import re
from typing import Final

_ARGUMENT: Final = re.compile(r'(?:\b(?P<verb>[Pp]ass) )?\b(?P<name>[a-z_]+)=(?:…|"(?P<value>[^"]*)")')
"""An argument of a call in a hint: ``timeout=…``, ``on_unsupported="adapt"``."""

_FOR_PROGRAMS: Final = (
    " The attribute `response` of the error holds the partial reply.",
    ", or call client.reset_keys() once these can be used again",
)
"""Parts of hints that are not useful at the command line."""

_OPTIONS: Final = {"model": "-m", "max_tokens": "--max-tokens"}
_OF_PROVIDERS: Final = frozenset({"api_key", "base_url"})


def to_command_line(hint: str) -> str:
    """Replace arguments of a call by options of the command, environment variables or keys of the settings."""
    for text in _FOR_PROGRAMS:
        hint = hint.replace(text, "")
    return _ARGUMENT.sub(_replacement, hint)


def _replacement(found: re.Match[str]) -> str:
    from budwood.settings import Options

    name, value = found["name"], found["value"]
    if name in _OPTIONS:
        return _with_verb(found, "pass", _OPTIONS[name] + (f" {value}" if value else ""))
    if name in Options.model_fields:
        return _with_verb(found, "set", f"BUDWOOD_OPTIONS__{name.upper()}" + (f"={value}" if value else ""))
    if name in _OF_PROVIDERS:
        return _with_verb(found, "set", f"`{name}` in the provider's section of budwood.toml")
    return found[0]


def _with_verb(found: re.Match[str], verb: str, rest: str) -> str:
    if found["verb"] is None:
        return rest
    return f"{verb.capitalize() if found['verb'] == 'Pass' else verb} {rest}"
