"""Find all mistakes in settings, with the lines of the file that they are in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError

from budwood.errors import BudwoodError, ConfigurationError, PluginNotFoundError
from budwood.settings import RootSettings, Settings, describe_problems
from budwood.settings_sources import Source, Table, check_depth, normalise_instances, parse_toml
from budwood_cli.setting_keys import find_key, format_key

if TYPE_CHECKING:
    from budwood.hooks import Kind
    from budwood.plugins import Instances

_SYNTAX: Final = re.compile(r" \(at line (\d+), column \d+\)")
_IN_ENGINE: Final = ("plugin", "distribution")

Steps = tuple[str | int, ...]


class Problem(NamedTuple):
    """
    One mistake.

    Attributes:
        source: The file, or the name of another source.
        line: The line of the file; None if it is unknown.
        key: The dotted key; empty if the mistake is in no key.
        message: What is wrong, without values, which may be secrets.
        is_warning: Whether the settings can be used elsewhere, such as where a plugin is installed.
    """

    source: str
    line: int | None
    key: str
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place}: {self.message}"


def find_text_problems(text: str, source: str) -> list[Problem]:
    """
    Return the mistakes in the text of a settings file, in the order of its lines.

    Of mistakes in the syntax, only the first is found.
    """
    try:
        tree = parse_toml(text, where=source)
    except ConfigurationError as error:
        message = error.message.removeprefix(source).strip()
        found = _SYNTAX.search(message)
        line = int(found[1]) if found else None
        return [Problem(source, line, "", _SYNTAX.sub("", message).rstrip("."))]
    lines = LineFinder(text)
    problems = [problem._replace(line=lines.find(path)) for path, problem in find_tree_problems(tree, source)]
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.key))


def find_tree_problems(tree: Table, source: str) -> list[tuple[Steps, Problem]]:
    """Return the mistakes in settings, each with the steps of its key."""
    try:
        check_depth(tree, where=source)
        named = normalise_instances(tree)
        found = [*_find_in_model(RootSettings, named), *_find_in_instances(named, source)]
    except BudwoodError as error:
        found = [((), error.message.removeprefix(source).strip(), False)]
    unique = {(path, message): is_warning for path, message, is_warning in found}
    return [
        (path, Problem(source, None, format_key(path), message, is_warning))
        for (path, message), is_warning in unique.items()
    ]


def _find_in_model(model: type[BaseModel], values: Mapping[str, Any]) -> Iterator[tuple[Steps, str, bool]]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
    else:
        return
    for detail in details:
        if detail["type"] != "missing" or len(detail["loc"]) > 1:  # another source may have it
            yield detail["loc"], describe_problems(model, [detail]), False


def _find_in_instances(tree: Table, source: str) -> Iterator[tuple[Steps, str, bool]]:
    """Check the sections of instances by the settings of their plugins, as far as these are installed."""
    from budwood.hooks import KINDS
    from budwood.plugins import Instances

    sections = {
        kind.section: {name: table for name, table in tree[kind.section].items() if isinstance(table, dict)}
        for kind in KINDS
        if isinstance(tree.get(kind.section), dict)
    }
    if not any(sections.values()):
        return
    instances = Instances(Settings(Source(source, sections)))
    for kind in KINDS:
        for name, table in sections.get(kind.section, {}).items():
            for path, message, is_warning in _find_in_instance(instances, kind, name, table):
                yield (kind.section, name, *path), message, is_warning


def _find_in_instance(
    instances: Instances, kind: Kind[Any], name: str, table: Table
) -> Iterator[tuple[Steps, str, bool]]:
    try:
        spec = instances.spec(kind, name)
        model = spec.settings()
    except PluginNotFoundError as error:
        yield ("plugin",) if "plugin" in table else (), error.message.rstrip("."), True
        return
    except Exception as error:  # noqa: BLE001 - the code of a plugin
        yield (), f"the plugin cannot be checked: {getattr(error, 'message', type(error).__name__)}".rstrip("."), True
        return
    where = f"{kind.section}.{name}"
    values = {key: value for key, value in table.items() if key not in _IN_ENGINE}
    try:
        own = _without_engine(kind, values)
    except ConfigurationError as error:
        yield (), error.message.rstrip("."), False
        own = {key: value for key, value in values.items() if key in model.model_fields and key != "api_key"}
    for path, message, is_warning in _find_in_model(model, own):
        yield path, f"{where}: {message}", is_warning


def _without_engine(kind: Kind[Any], values: Table) -> Table:
    """Return the settings that the plugin sees."""
    from budwood.endpoint_settings import parse_endpoint_settings
    from budwood.hooks import PROVIDER

    if kind is not PROVIDER:
        return values
    own, _ = parse_endpoint_settings(values, where="the settings of keys, limits and backups")
    return own


class LineFinder:
    """
    Finds the lines of keys in a document.

    Args:
        text: The document, which is valid TOML.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.splitlines()

    def find(self, path: Steps) -> int | None:
        """
        Return the number of the line of a key, or of the nearest key or table above it that the document has.

        The document is written once more without the key: the first line that differs is the one of the key.
        """
        import tomlkit

        try:
            document: Any = tomlkit.parse(self._text)
        except ValueError:  # what the standard library accepts and tomlkit does not
            return None
        table, last, within = _find_parent(document, path)
        if last is None:
            return None
        if isinstance(table[last], dict):
            del table[last]
        else:
            table[last] = f"{within} is replaced"
        lines = document.as_string().splitlines()
        same = (number for number, pair in enumerate(zip(self._lines, lines, strict=False)) if pair[0] != pair[1])
        number = next(same, min(len(lines), len(self._lines)))
        return number + 1 if number < len(self._lines) else None


def _find_parent(document: Any, path: Steps) -> tuple[Any, str | int | None, str]:  # noqa: ANN401 - tomlkit's containers
    """Return the table of the last step that the document has, that step, and its key."""
    table, last, within = document, None, ""
    value = document
    for number, step in enumerate(path):
        key = step
        if isinstance(value, dict) and isinstance(step, str):
            key = find_key(value, step, tuple(str(each) for each in path[:number]))
            if key not in value:
                break
            table, last, within = value, key, key
        elif not (isinstance(value, list) and isinstance(step, int) and step < len(value)):
            break
        value = value[key]
    return table, last, within
