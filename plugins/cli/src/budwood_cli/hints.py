"""Hints, which the core words for programs, in the words of the command line."""

from __future__ import annotations

import re
from typing import Final

_ARGUMENT: Final = re.compile(r'(?:\b(?P<verb>[Pp]ass) )?\b(?P<name>[a-z_]+)=(?:…|"(?P<value>[^"]*)")')
"""An argument of a call, as hints write it: ``timeout=…``, ``on_unsupported="adapt"``."""

_OPTIONS: Final = {"model": "-m", "max_tokens": "--max-tokens"}
_OF_PROVIDERS: Final = frozenset({"api_key", "base_url"})


def in_words_of_commands(hint: str) -> str:
    """Put options of the command, variables of the environment or keys of the settings for arguments of a call."""
    return _ARGUMENT.sub(_translated, hint)


def _translated(found: re.Match[str]) -> str:
    from budwood.settings import Options

    name, value = found["name"], found["value"]
    if name in _OPTIONS:
        return _with_verb(found, "give", _OPTIONS[name] + (f" {value}" if value else ""))
    if name in Options.model_fields:
        return _with_verb(found, "set", f"BUDWOOD_OPTIONS__{name.upper()}" + (f"={value}" if value else ""))
    if name in _OF_PROVIDERS:
        return _with_verb(found, "write", f"`{name}` into the provider's section of budwood.toml")
    return found[0]


def _with_verb(found: re.Match[str], verb: str, rest: str) -> str:
    if found["verb"] is None:
        return rest
    return f"{verb.capitalize() if found['verb'] == 'Pass' else verb} {rest}"
