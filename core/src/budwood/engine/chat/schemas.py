"""
Schemas of structured output: types that Pydantic can validate, and JSON schemas.

Schemas and validators are built once and cached. Pydantic models are found by a weak reference to the class, all other
types by equality, and dictionaries by their JSON, so that a changed dictionary is parsed again. Each of the three
caches contains the 256 most recently used entries, without a lock.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import UnionType
from typing import Any, Final, NewType, cast, get_origin
from weakref import ref

from pydantic import (
    BaseModel,
    ConfigDict,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import from_json, to_json

from budwood.engine.chat.json_schemas import (
    add_items,
    check_satisfiable,
    compile_quick_check,
    compile_validator,
    is_object,
    is_strict,
    with_typed_root,
    wrap_root,
)
from budwood.errors import ConfigurationError
from budwood.types import OutputSchema
from budwood.types.json_text import find_json
from budwood.types.record import JSON

ReplyType = type[object] | UnionType | Mapping[str, Any]
"""
What ``schema=`` takes: a Pydantic model, a dataclass, a ``TypedDict``, an ``Enum``, a generic such as ``list[Model]``,
any other type that Pydantic can validate, or a JSON schema as a dictionary.
"""

MAX_CACHED: Final = 256

_WRAPPED: Final = "value"
"""The property of the object that contains a value of another type."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class SchemaMismatch(Exception):  # noqa: N818 - caught by the engine
    """A text does not satisfy a schema."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


class ReplySchema(ABC):
    """
    What a reply must satisfy.

    Attributes:
        schema: The JSON schema that the vendor gets.
        is_wrapped: Whether it has an object around the value.
    """

    schema: OutputSchema
    is_wrapped: bool = False

    def validate(self, text: str) -> Any:  # noqa: ANN401 - depends on the type
        """
        Parse the reply of a model into the value: JSON, also with reasoning, words and fences around it.

        Raises:
            SchemaMismatch: It holds no JSON, or none that satisfies the schema. The errors are those of the longest.
        """
        try:
            return self.parse(text)
        except SchemaMismatch:
            mismatch = -1, SchemaMismatch(())
        for found in find_json(text):
            try:
                return self.parse(found)
            except SchemaMismatch as error:
                mismatch = max(mismatch, (len(found), error), key=lambda pair: pair[0])
        raise mismatch[1]

    @abstractmethod
    def parse(self, text: str) -> Any:  # noqa: ANN401 - see above
        """
        Parse JSON into the value.

        Raises:
            SchemaMismatch: The text is not JSON, or does not satisfy the schema.
        """


class ModelSchema(ReplySchema):
    """A Pydantic model. All calls share the schema; the cache has no reference to the model."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        self.schema = _describe_model(ref(model))

    def parse(self, text: str) -> Any:  # noqa: ANN401 - see the base class
        """Parse JSON into an instance of the model."""
        try:
            return self._model.model_validate_json(text)
        except ValidationError as error:
            raise SchemaMismatch(_list_errors(error)) from None


class TypeSchema(ReplySchema):
    """
    Any other type.

    Vendors require an object at the root: other values are requested as ``{"value": …}``, and accepted without it.
    """

    def __init__(self, annotation: Any) -> None:  # noqa: ANN401 - Python has no type for annotations
        name = annotation.__name__ if isinstance(annotation, type) else "output"
        with _convert_schema_errors(annotation):
            self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
            schema = with_typed_root(add_items(self._adapter.json_schema()))
            self._wrapper = None if is_object(schema) else _wrap(annotation, name)
            self.is_wrapped = self._wrapper is not None
            if self._wrapper is not None:
                schema = add_items(self._wrapper.model_json_schema())
        self.schema = _make_output_schema(name, schema)

    def parse(self, text: str) -> Any:  # noqa: ANN401 - see the base class
        """Parse JSON into a value of the type."""
        if self._wrapper is None:
            return self._parse_value(text)
        try:
            return getattr(self._wrapper.model_validate_json(text), _WRAPPED)
        except ValidationError as error:
            try:
                return self._parse_value(text)
            except SchemaMismatch:
                raise SchemaMismatch(_list_errors(error)) from None

    def _parse_value(self, text: str) -> Any:  # noqa: ANN401 - see the base class
        try:
            return self._adapter.validate_json(text)
        except ValidationError as error:
            raise SchemaMismatch(_list_errors(error)) from None


class JSONSchema(ReplySchema):
    """
    A JSON schema (draft 2020-12).

    Like `TypeSchema`, it requests values other than objects as ``{"value": …}``, and also accepts them directly.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = compile_validator(schema)
        self._quick_check = compile_quick_check(schema)
        check_satisfiable(schema)  # before it is wrapped, so that errors have the caller's paths
        wrapped = wrap_root(schema, _WRAPPED)
        self.is_wrapped = wrapped is not None
        self.schema = _make_output_schema(str(schema.get("title", "output")), wrapped or schema)

    def parse(self, text: str) -> Any:  # noqa: ANN401 - see the base class
        """Parse JSON into a value."""
        try:
            value: JSON = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise SchemaMismatch([f"the reply: {error}"]) from None
        try:
            if self.is_wrapped and isinstance(value, dict) and value.keys() == {_WRAPPED}:
                inner = value[_WRAPPED]
                if self._validator.is_valid(inner):
                    return inner
            if self._quick_check is not None and self._quick_check.isinstance_python(value):
                return value
            errors = sorted(self._validator.iter_errors(value), key=lambda error: error.json_path)
        except (ArithmeticError, RecursionError) as error:  # such as a number of 400 digits, divided by a fraction
            raise SchemaMismatch([f"the reply cannot be validated: {error}"]) from None
        if errors:
            raise SchemaMismatch([f"{error.json_path}: {error.message}" for error in errors])
        return value


def parse_schema(schema: object) -> ReplySchema:
    """
    Parse the option ``schema``; see `ReplyType`.

    Raises:
        ConfigurationError: It is neither a type nor a JSON schema, or no value can satisfy it.
    """
    if isinstance(schema, type) and issubclass(schema, BaseModel) and _is_concrete(schema):
        return ModelSchema(schema)
    if isinstance(schema, Mapping):
        return _build_json_schema(_encode_schema(_unwrap(schema)))
    if not _is_type(schema):
        raise ConfigurationError(
            f"schema= is of the type {type(schema).__name__}.",
            hint="Pass a Pydantic model or another type, or a JSON schema as a dictionary.",
        )
    parts = tuple(_walk_types(schema))
    try:
        hash(parts)
    except TypeError:  # the metadata of Annotated[…] need not be hashable
        return TypeSchema(schema)
    return _build_type_schema(parts)


def _unwrap(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the JSON schema inside a ``response_format`` of Chat Completions."""
    if schema.get("type") == "json_schema":
        inner = schema.get("json_schema", schema)
        if isinstance(inner, Mapping) and isinstance(inner.get("schema"), Mapping):
            unwrapped: Mapping[str, Any] = inner["schema"]
            return unwrapped
    if schema.get("type") == "json_object":
        raise ConfigurationError(
            "'json_object' is not the type of a JSON schema.", hint='Pass schema={"type": "object"} for any object.'
        )
    return schema


def restore_schema(json_schema: Mapping[str, Any], *, is_wrapped: bool) -> ReplySchema:
    """Return what validates replies again, from the JSON schema that the vendor got. Values are those of JSON."""
    if not is_wrapped:
        return parse_schema(json_schema)
    inner = dict(json_schema["properties"][_WRAPPED])
    definitions = {name: json_schema[name] for name in ("$defs", "definitions") if name in json_schema}
    return parse_schema(inner | definitions)


def check_schema(schema: ReplyType) -> None:
    """
    Check that a schema is valid and that some value can satisfy it. Nothing is sent.

    Args:
        schema: As for `Client.ask`.

    Raises:
        ConfigurationError: The schema cannot be used.
    """
    parse_schema(schema)


@lru_cache(MAX_CACHED)
def _describe_model(model: ref[type[BaseModel]]) -> OutputSchema:
    """Describe a model. The cached result has no reference to the class, which could not be freed otherwise."""
    cls = cast("type[BaseModel]", model())  # the caller has a reference
    with _convert_schema_errors(cls):
        schema = add_items(cls.model_json_schema())
    return _make_output_schema(cls.__name__, schema)


@lru_cache(MAX_CACHED)
def _build_type_schema(parts: tuple[Any, ...]) -> TypeSchema:
    return TypeSchema(parts[0])


@lru_cache(MAX_CACHED)
def _build_json_schema(canonical: bytes) -> JSONSchema:
    return JSONSchema(from_json(canonical))


def _encode_schema(schema: Mapping[str, Any]) -> bytes:
    """Encode a dictionary as JSON. Keys keep their order: models write properties in the order of the schema."""
    try:
        return to_json(dict(schema))
    except ValueError as error:
        raise ConfigurationError(f"Cannot encode the JSON schema as JSON: {error}.") from None


def _walk_types(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - the same
    """Yield a type and its arguments: unions in another order are equal, but Pydantic prefers another member."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _walk_types(part)


def _is_concrete(model: type[BaseModel]) -> bool:
    """Return whether a model is an ordinary class; parametrized generics are found by equality, as other types."""
    return not model.__pydantic_root_model__ and not model.__pydantic_generic_metadata__["origin"]


def _is_type(schema: object) -> bool:
    if isinstance(schema, type | NewType) or get_origin(schema) is not None:
        return True
    return type(schema).__name__ == "TypeAliasType"  # of `typing` from Python 3.12 on, or of `typing_extensions`


def _wrap(annotation: Any, name: str) -> type[BaseModel]:  # noqa: ANN401 - the same
    config = ConfigDict(extra="forbid", title=name)
    fields: dict[str, Any] = {_WRAPPED: (annotation, ...)}
    return create_model("Output", __config__=config, **fields)


@contextmanager
def _convert_schema_errors(annotation: object) -> Iterator[None]:
    """Convert Pydantic's errors about a type without a JSON schema into `ConfigurationError`."""
    try:
        yield
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        name = annotation.__name__ if isinstance(annotation, type) else annotation
        raise ConfigurationError(
            f"Cannot describe {name} as a JSON schema: {str(error).splitlines()[0].rstrip('.')}.",
            hint="Use types that JSON can express.",
        ) from error


def _make_output_schema(name: str, schema: dict[str, Any]) -> OutputSchema:
    check_satisfiable(schema)
    schema = with_typed_root(schema)
    return OutputSchema(
        name=_NOT_IN_NAMES.sub("_", name)[:64] or "output", json_schema=schema, strict=is_strict(schema) or None
    )


def _list_errors(error: ValidationError) -> list[str]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{'.'.join(map(str, detail['loc'])) or 'the reply'}: {detail['msg']}" for detail in details]
