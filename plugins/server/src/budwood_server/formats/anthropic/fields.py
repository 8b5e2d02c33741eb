"""Read the fields of a request to the Messages API; each error names the field that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, cast, get_args

from budwood.types import CacheLifetime
from budwood_server.web.problems import reject

T = TypeVar("T")

_NAMES: Final[Mapping[type, str]] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
_LIFETIMES: Final = get_args(CacheLifetime)


def read(source: Mapping[str, Any], name: str, kind: type[T], where: str = "") -> T | None:
    """
    Return a field, or None if it is missing or null.

    Args:
        source: The object with the field.
        name: The name of the field.
        kind: The type of its value; ``float`` also takes integers.
        where: The path of the object, for the error.

    Raises:
        ProblemError: The value has another type.
    """
    value = source.get(name)
    if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return cast("T", value)
    path = join(where, name)
    raise reject(f"{path} must be {_NAMES[kind]}.", param=path)


def require(source: Mapping[str, Any], name: str, kind: type[T], where: str = "") -> T:
    """
    Return a field.

    Raises:
        ProblemError: It is missing, null, or has another type.
    """
    value = read(source, name, kind, where)
    if value is None:
        path = join(where, name)
        raise reject(f"{path} is required, and must be {_NAMES[kind]}.", param=path, code="missing_field")
    return value


def read_objects(items: list[Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Yield the path and the value of each object in a list.

    Raises:
        ProblemError: An item is not an object.
    """
    for number, item in enumerate(items):
        path = f"{where}[{number}]"
        if not isinstance(item, dict):
            raise reject(f"{path} must be an object.", param=path)
        yield path, item


def read_cache_lifetime(source: Mapping[str, Any], where: str = "") -> CacheLifetime | None:
    """
    Return the lifetime in ``cache_control``, or None without one.

    Raises:
        ProblemError: It is not valid.
    """
    control = read(source, "cache_control", dict, where)
    if control is None:
        return None
    lifetime = control.get("ttl") or "default"
    if control.get("type") != "ephemeral" or lifetime not in _LIFETIMES:
        path = join(where, "cache_control")
        raise reject(f'{path} must be {{"type": "ephemeral"}}, optionally with "ttl": "5m" or "1h".', param=path)
    return cast("CacheLifetime", lifetime)


def join(where: str, name: str) -> str:
    """Return the path of a field."""
    return f"{where}.{name}" if where else name
