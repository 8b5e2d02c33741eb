"""Convert the core's hints, written for programs, to the command line."""

from __future__ import annotations

import re
from typing import Final

_ARGUMENT: Final = re.compile(
    r'(?:\b(?P<verb>[Pp]ass) )?\b(?P<name>[a-z_]+)=(?:…|"(?P<value>[^"]*)"|(?P<object>\{[^}]*\}))'
)
"""An argument of a call in a hint: ``timeout=…``, ``on_unsupported="adapt"``, ``extra={…}``."""

_CALL: Final = re.compile(r"\b(?P<verb>[Cc])all client\.(?P<method>\w+)\(…\)")
"""A call of the client in a hint."""

_COMMANDS: Final = {
    "ask": "ask",
    "image": "image",
    "edit_image": "image --edit FILE",
    "speak": "speak",
    "transcribe": "transcribe",
    "translate_audio": "transcribe --translate",
    "video": "video",
}
"""Methods of the client, and the commands that call them."""

_FOR_PROGRAMS: Final = (
    ": client.job(error.job)",
    " The attribute `response` of the error holds the partial reply.",
    ", or call client.reset_keys() once these can be used again",
)
"""Parts of hints that are not useful at the command line."""

_OPTIONS: Final = {"cache": "--cache", "model": "-m", "max_tokens": "--max-tokens"}
_OF_PROVIDERS: Final = frozenset({"api_key", "base_url"})


def to_command_line(hint: str) -> str:
    """Replace calls by commands, and arguments by options, environment variables or keys of the settings."""
    for text in _FOR_PROGRAMS:
        hint = hint.replace(text, "")
    return _ARGUMENT.sub(_replacement, _CALL.sub(_name_command, hint))


_RETRY: Final = re.compile(r"\bRetry(?P<when> later| in \d+ s)?(?P<end>[.,])")
"""The advice to send a call again."""


def to_chat(hint: str) -> str:
    """Replace advice by the commands of a chat."""
    hint = _RETRY.sub(lambda found: f"/retry sends the message again{found['when'] or ''}{found['end']}", hint)
    return hint.replace("pass -m PROVIDER/MODEL", "write /model PROVIDER/MODEL")


def _name_command(found: re.Match[str]) -> str:
    command = _COMMANDS.get(found["method"])
    if command is None:
        return found[0]
    return f"{'R' if found['verb'] == 'C' else 'r'}un `budwood {command}`"


def _replacement(found: re.Match[str]) -> str:
    from budwood import Options

    name, value = found["name"], found["value"]
    if name == "lane":
        return _with_verb(found, "run", f"`budwood batch run --lane {value}`")
    if name == "extra":
        return _with_verb(found, "pass", f"--extra '{found['object'] or '{…}'}'")
    if name == "timeout":  # an option only of commands that send one call
        return _with_verb(found, "pass", "--timeout (or BUDWOOD_OPTIONS__TIMEOUT)")
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
