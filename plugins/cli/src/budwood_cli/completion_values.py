"""What a shell completes as the value of an option or an argument. Nothing is sent."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from budwood_cli.model_lists import read_model_list

_MODELS: Final = frozenset({"PROVIDER/MODEL"})
_PROVIDERS: Final = frozenset({"PROVIDER", "[PROVIDER]...", "[PROVIDER]"})
_FILES: Final = frozenset({"FILE", "FILE.json", "FOLDER", "[FOLDER]", "PATH", "RUN", "SPEC.toml"})
_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "--model": _MODELS,
    "--asker": _MODELS,
    "--provider": _PROVIDERS,
    "--file": _FILES,
    "--output": _FILES,
}
"""Options that are completed whatever their help calls the value."""

_CHOICES: Final = {"--to": "run_exports:FORMATS", "--by": "usage:GROUPS"}
"""Options with many choices, and the tuples of these in the modules of their commands."""


class Candidate(NamedTuple):
    """A word that completes the input, and its description."""

    value: str
    help: str = ""


class Values(NamedTuple):
    """The candidates for a value, and whether it can also be the name of a file, which the shell completes."""

    candidates: tuple[Candidate, ...] = ()
    are_files: bool = False


def values_of(param: Any, incomplete: str) -> Values:  # noqa: ANN401 - an option or argument of click
    """
    Return the values of an option or an argument.

    Args:
        param: The option or the argument.
        incomplete: The beginning of the value.
    """
    kind = _type_of(param)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Values(tuple(Candidate(str(choice.value)) for choice in kind))
    if choices := _find_choices(param):
        return Values(tuple(map(Candidate, choices)))
    metavar = param.metavar or (param.name.upper() if param.param_type_name == "argument" else "")
    kinds = {metavar}.union(*(_NAMES.get(name, ()) for name in param.opts))
    if not kinds.isdisjoint(_MODELS):
        return Values(tuple(list_models(incomplete)))
    if not kinds.isdisjoint(_PROVIDERS):
        return Values(tuple(map(Candidate, _list_providers())))
    return Values(are_files=kind is Path or not kinds.isdisjoint(_FILES))


def _find_choices(param: Any) -> Sequence[str]:  # noqa: ANN401 - see above
    """Return the choices of an option whose value is a text: those in its help, as in ``text|json``."""
    for name in param.opts:
        if place := _CHOICES.get(name):
            module, _, attribute = place.partition(":")
            return tuple(getattr(importlib.import_module(f"budwood_cli.{module}"), attribute))
    return param.metavar.split("|") if "|" in (param.metavar or "") else ()


def _type_of(param: Any) -> object:  # noqa: ANN401 - see above
    """Return the Python type of a value, from what different versions of typer know of it."""
    described = getattr(param, "type_descriptor", None)
    if described is not None:
        return described.annotation
    if choices := getattr(param.type, "choices", None):
        return Enum(
            "Choices", {str(getattr(choice, "value", choice)): getattr(choice, "value", choice) for choice in choices}
        )
    return Path if param.type.name in ("path", "file", "filename") else None


def list_models(incomplete: str) -> Iterable[Candidate]:
    """Yield providers, and after the slash the models of one."""
    provider, slash, _ = incomplete.partition("/")
    if not slash:
        return [Candidate(f"{name}/") for name in _list_providers()]
    from budwood import Settings
    from budwood.plugins import list_known_models

    names = dict.fromkeys((*read_model_list(provider), *list_known_models(Settings.load(), provider)))
    return [Candidate(f"{provider}/{name}") for name in names]


def _list_providers() -> list[str]:
    """Return the providers of the settings, those of installed plugins, and presets."""
    from budwood import Settings
    from budwood.hooks import PROVIDER
    from budwood.plugins import Instances

    return Instances(Settings.load()).list_names(PROVIDER)
