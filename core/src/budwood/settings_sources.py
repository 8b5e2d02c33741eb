"""Read the sources of settings: the environment, ``.env`` and ``budwood.toml``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from budwood.errors import ConfigurationError
from budwood.names import normalise

PREFIX: Final = "BUDWOOD_"
FILE_NAME: Final = "budwood.toml"

MAX_DEPTH: Final = 50
"""How deeply tables and lists may be nested."""

_NAMES: Final = frozenset({("observers",), ("plugins", "disabled")})
"""Settings that are lists of names, which variables may also separate by commas."""

_SHORTHANDS: Final = {"PLUGINS_DISABLED": ("plugins", "disabled")}
"""Variables without a double underscore that set a nested key."""

_WITHOUT_INSTANCES: Final = ("options", "plugins", "models", "budgets", "server")
"""Sections whose keys are not names of instances."""

_KEY: Final = "api_key"
_KEYS: Final = "api_keys"
"""The setting for one key, and the end of the names of variables that list several."""

Table = dict[str, Any]


class Source(NamedTuple):
    """
    One source of settings.

    ``variables`` are all environment variables, which may include those of vendors; a file has none.
    """

    name: str
    tree: Table
    variables: Mapping[str, str] = MappingProxyType({})

    def __repr__(self) -> str:
        return f"Source({self.name!r})"


def environment_source(name: str, environment: Mapping[str, str], sections: Collection[str]) -> Source:
    """
    Read the variables that begin with ``BUDWOOD_``.

    Args:
        name: The name of the source, for errors.
        environment: The variables.
        sections: The top-level keys of settings. Other variables with the prefix belong to other programs.

    Raises:
        ConfigurationError: A variable contradicts another one, or is not valid text.
    """
    tree: Table = {}
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and value.strip():
            path = _path(variable.removeprefix(PREFIX), sections)
            if path is not None:
                check_text(value, f"The environment variable {variable}")
                _put(tree, path, _environment_value(path, value, where=variable), where=variable)
    return Source(name, normalise_instances(_prefer_several_keys(tree)), environment)


def dotenv_source(path: Path, sections: Collection[str]) -> Iterator[Source]:
    """Read a ``.env`` file, if there is one. Its values are not expanded: a ``$`` in a key is a character."""
    text = None if path.is_dir() else read_text(path)  # some keep their virtual environment in a folder `.env`
    if text is None:
        return
    from dotenv import dotenv_values

    variables = dotenv_values(stream=StringIO(text), interpolate=False)
    environment = {name: value for name, value in variables.items() if value is not None}
    yield environment_source(str(path), environment, sections)


def file_source(path: Path) -> Iterator[Source]:
    """Read a ``budwood.toml``, if there is one."""
    text = read_text(path)
    if text is not None:
        yield Source(str(path), normalise_instances(parse_toml(text, where=str(path))))


def read_text(path: Path) -> str | None:
    """
    Read a text file in UTF-8, with or without a byte order mark; return None if there is no such file.

    Raises:
        ConfigurationError: The file cannot be read, or is not UTF-8. The error does not contain the file.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from error
    except ValueError as error:  # a path that no file can have
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error}.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = error.start
    # Not raised inside the handler: the codec's error, which would be its context, contains the file with its keys.
    raise ConfigurationError(f"{path}: not valid UTF-8 at byte {place}.", hint="Save the file as UTF-8.")


def parse_toml(text: str, *, where: str) -> Table:
    """
    Parse a TOML document.

    Args:
        text: The document.
        where: The name of its source, for errors.

    Raises:
        ConfigurationError: It is not valid TOML, is nested too deeply, or has a number that is too large. The error
            does not contain the document.
    """
    import tomllib  # not above: most programs have no file

    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = f"is not valid TOML: {error}"
    except ValueError:  # Python converts at most 4,300 digits
        problem = "is not valid TOML: it has a number with too many digits"
    except RecursionError:
        problem = "is nested too deeply"
    else:
        check_depth(tree, where=where)
        return tree
    raise ConfigurationError(
        f"{where} {problem}."
    )  # not inside the handlers: the errors of newer parsers contain the document


def check_depth(tree: object, *, where: str) -> None:
    """
    Check that tables and lists are not nested more deeply than `MAX_DEPTH`.

    Raises:
        ConfigurationError: They are.
    """
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _children(value)]
        if not level:
            return
    raise ConfigurationError(f"{where} is nested too deeply.", hint=f"Nest at most {MAX_DEPTH} tables and lists.")


def _children(value: object) -> Iterator[object]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return (each for each in inner if isinstance(each, dict | list | tuple))


def check_text(value: str, subject: str) -> None:
    """
    Check that a value is valid text. Python decodes bytes that are not UTF-8 as lone surrogates.

    Args:
        value: The value.
        subject: The name of the value, for the error.

    Raises:
        ConfigurationError: The value is not valid text.
    """
    if not value.isascii() and value != value.encode("utf-8", "replace").decode():
        raise ConfigurationError(f"{subject} is not valid UTF-8.", hint="Set it to a valid text.")


def normalise_instances(tree: Table) -> Table:
    """Normalise the names of instances, so that they can be compared."""
    return {
        section: {normalise(name) if isinstance(name, str) else name: value for name, value in table.items()}
        if isinstance(table, dict) and section not in _WITHOUT_INSTANCES
        else table
        for section, table in tree.items()
    }


def vendor_values(environment: Mapping[str, str], variables: Mapping[str, tuple[str, ...]]) -> Table:
    """
    Return the values of the vendor's own variables, by the key that they fill; of several, the first counts.

    The plural of a variable of ``api_key``, such as ``OPENAI_API_KEYS``, lists several keys, and takes precedence.

    Raises:
        ConfigurationError: One of them is not valid text, or lists no key.
    """
    values: Table = {}
    for key, names in variables.items():
        name = _find_variable(environment, names)
        if name is not None:
            check_text(environment[name], f"{key}: the environment variable {name}")
            values[key] = environment[name]
    name = _find_variable(environment, [f"{name}S" for name in variables.get(_KEY, ())])
    if name is not None:
        check_text(environment[name], f"{_KEY}: the environment variable {name}")
        values.pop(_KEY, None)
        values["keys"] = parse_keys(environment[name], where=name)
    return values


def _find_variable(environment: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((name for name in names if environment.get(name, "").strip()), None)


def parse_keys(value: str, *, where: str) -> list[Table]:
    """
    Parse several API keys, separated by commas or as a list in JSON.

    Args:
        value: The value of an environment variable.
        where: Its name, for errors, which never contain the value.

    Raises:
        ConfigurationError: It contains no key.
    """
    parsed = _parse_json(value)
    secrets = parsed if isinstance(parsed, list) else [secret.strip() for secret in value.split(",")]
    keys = [{"secret": secret} for secret in secrets if secret != ""]
    if not keys:
        raise ConfigurationError(
            f"The environment variable {where} contains no key.", hint="Set it to keys separated by commas."
        )
    return keys


def _prefer_several_keys(tree: Table) -> Table:
    """Move the keys of ``API_KEYS`` to ``keys``; in the same source they take precedence over ``API_KEY``."""
    providers = tree.get("providers")
    for section in providers.values() if isinstance(providers, dict) else ():
        if isinstance(section, dict) and _KEYS in section:
            section["keys"] = section.pop(_KEYS)
            section.pop(_KEY, None)
    return tree


def _path(name: str, sections: Collection[str]) -> tuple[str, ...] | None:
    """
    Parse a variable's name as a path of keys: ``PROVIDERS__MY_VLLM__API_KEY`` is providers, my-vllm, api_key.

    Returns:
        The path, or None if the variable is not a setting: other programs may use the same prefix.

    Raises:
        ConfigurationError: The path is too long.
    """
    if name in _SHORTHANDS:
        return _SHORTHANDS[name]
    path = tuple(step.lower() for step in name.split("__"))
    if path[0] not in sections or not all(path):
        return None
    if len(path) > MAX_DEPTH:
        raise ConfigurationError(
            f"The environment variable {PREFIX}{name[:60]}… has {len(path):,} keys.",
            hint=f"Nest at most {MAX_DEPTH} tables.",
        )
    if len(path) > 1 and path[0] not in _WITHOUT_INSTANCES:
        return path[0], normalise(path[1]), *path[2:]
    return path


def _environment_value(path: tuple[str, ...], value: str, *, where: str) -> object:
    if path in _NAMES and not value.startswith("["):
        return [name.strip() for name in value.split(",") if name.strip()]
    if path[0] == "providers" and path[2:] == (_KEYS,):
        return parse_keys(value, where=where)
    return _parse_json(value)


def _parse_json(value: str) -> object:
    """Parse a list or a table in JSON; return any other text as it is."""
    if value[:1] in "[{":
        try:
            return from_json(value)
        except ValueError:
            return value
    return value


def _put(tree: Table, path: tuple[str, ...], value: object, *, where: str) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise ConfigurationError(f"{where}: {step!r} is a value already, and cannot be a table as well.")
    tree[path[-1]] = value
