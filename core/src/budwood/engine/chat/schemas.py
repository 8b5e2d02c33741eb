"""What a structured reply must satisfy: a Pydantic model, or a JSON schema."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, PydanticUserError, ValidationError
from pydantic_core import from_json

from budwood.errors import ConfigurationError
from budwood.types import OutputSchema
from budwood.types.record import JSON

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class SchemaMismatch(Exception):  # noqa: N818 - caught by the engine, never seen by users
    """A text does not satisfy a schema."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


class ReplySchema(ABC):
    """The value that a reply must hold."""

    schema: OutputSchema

    @abstractmethod
    def validate(self, text: str) -> BaseModel | JSON:
        """
        Read the value out of a text.

        Raises:
            SchemaMismatch: The text is no JSON, or does not satisfy the schema.
        """


class ModelSchema(ReplySchema):
    """A Pydantic model."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        try:
            schema = model.model_json_schema()
        except PydanticUserError as error:
            raise ConfigurationError(
                f"{model.__name__} cannot be described as a JSON schema: {str(error).splitlines()[0]}.",
                hint="Give its fields types that JSON can express.",
            ) from error
        self.schema = _output_schema(model.__name__, schema)

    def validate(self, text: str) -> BaseModel | JSON:
        """Read an instance of the model out of a text."""
        try:
            return self._model.model_validate_json(extract_json(text))
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            raise SchemaMismatch(
                [f"{'.'.join(map(str, detail['loc'])) or 'the reply'}: {detail['msg']}" for detail in details]
            ) from None


class JSONSchema(ReplySchema):
    """Whatever satisfies a JSON schema (draft 2020-12)."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _validator(schema)
        self.schema = _output_schema(str(schema.get("title", "output")), dict(schema))

    def validate(self, text: str) -> BaseModel | JSON:
        """Read a value out of a text."""
        try:
            value: JSON = from_json(extract_json(text), allow_inf_nan=False)
        except ValueError as error:
            raise SchemaMismatch([f"the reply: {error}"]) from None
        errors = sorted(self._validator.iter_errors(value), key=lambda error: error.json_path)
        if errors:
            raise SchemaMismatch([f"{error.json_path}: {error.message}" for error in errors])
        return value


def parse_schema(schema: object) -> ReplySchema:
    """
    Understand what a caller gives as ``schema``.

    Raises:
        ConfigurationError: It is neither a Pydantic model nor a JSON schema, or nothing can satisfy it.
    """
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        model = ModelSchema(schema)
        _refuse_contradictions(model.schema.json_schema)
        return model
    if isinstance(schema, Mapping):
        value = JSONSchema(schema)
        _refuse_contradictions(schema)
        return value
    raise ConfigurationError(
        f"schema= is a {type(schema).__name__}.", hint="Give a Pydantic model class or a JSON schema as a dictionary."
    )


def check_schema(schema: type[BaseModel] | Mapping[str, Any]) -> None:
    """
    See before anything is sent that a schema is one, and that something can satisfy it.

    Args:
        schema: A Pydantic model or a JSON schema, as for `Client.ask`.

    Raises:
        ConfigurationError: It is not.
    """
    parse_schema(schema)


def extract_json(text: str) -> str:
    """Take JSON out of the fences and words that models put around it."""
    text = text.strip()
    fenced = _FENCED.search(text)
    if fenced:
        return fenced[1]
    if text[:1] in ("{", "[", '"') or not text:
        return text
    start = min((text.find(bracket) for bracket in "{[" if bracket in text), default=-1)
    end = max(text.rfind("}"), text.rfind("]"))
    return text[start : end + 1] if 0 <= start < end else text


def _output_schema(name: str, schema: dict[str, Any]) -> OutputSchema:
    return OutputSchema(
        name=_NOT_IN_NAMES.sub("_", name)[:64] or "output", json_schema=schema, strict=_is_strict(schema) or None
    )


def _is_strict(schema: object) -> bool:
    """Tell whether every object names all its properties and allows no others, as OpenAI's strict mode demands."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object" or "properties" in schema:
            properties = set(schema.get("properties", {}))
            if schema.get("additionalProperties") is not False or properties != set(schema.get("required", ())):
                return False
        return all(_is_strict(value) for value in schema.values())
    return all(map(_is_strict, schema)) if isinstance(schema, list) else True


def _validator(schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a library that only some install
    try:
        from jsonschema import Draft202012Validator, SchemaError
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012
    except ImportError as error:
        raise ConfigurationError(
            "A JSON schema is checked by the library jsonschema, which is not installed.",
            hint="pip install jsonschema, or give a Pydantic model.",
        ) from error
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ConfigurationError(f"The JSON schema is not valid at {error.json_path}: {error.message}.") from None
    registry: Any = Registry()  # an empty one, which never fetches a $ref from the network
    root = DRAFT202012.create_resource(schema)
    missing = next(_unresolvable(root, registry.resolver_with_root(root)), None)
    if missing is not None:
        raise ConfigurationError(f"The JSON schema refers to {missing!r}, which is not in it.")
    return Draft202012Validator(schema, registry=registry)


def _unresolvable(schema: Any, resolver: Any) -> Iterator[str]:  # noqa: ANN401 - the same library's
    from referencing.exceptions import Unresolvable

    reference = schema.contents.get("$ref") if isinstance(schema.contents, Mapping) else None
    if reference is not None:
        try:
            resolver.lookup(reference)
        except Unresolvable:
            yield reference
    for inner in schema.subresources():
        yield from _unresolvable(inner, resolver.in_subresource(inner))


_BOUNDS: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


def _refuse_contradictions(schema: Mapping[str, Any]) -> None:
    found = next(_contradictions(schema, "$"), None)
    if found is not None:
        raise ConfigurationError(f"No value can satisfy the schema: {found}.", hint="Correct the schema.")


def _contradictions(schema: object, path: str) -> Iterator[str]:  # noqa: C901 - a list of small cases
    """Find what can be seen to be impossible; what is optional may be impossible and simply stay away."""
    if schema is False:
        yield f"{path} is false"
    if not isinstance(schema, Mapping):
        return
    for low, high in _BOUNDS:
        if low in schema and high in schema and schema[low] > schema[high]:
            yield f"{path} has {low} {schema[low]} above {high} {schema[high]}"
    if schema.get("enum") == [] or schema.get("not") in ({}, True):
        yield f"{path} allows no value"
    if "const" in schema and "enum" in schema and schema["const"] not in schema["enum"]:
        yield f"{path} wants {schema['const']!r}, which is not in its enum"
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name in properties:
            yield from _contradictions(properties[name], f"{path}.{name}")
        elif schema.get("additionalProperties") is False and not schema.get("patternProperties"):
            yield f"{path} requires {name!r} and does not allow it"
    if schema.get("minItems", 0) > 0:
        yield from _contradictions(schema.get("items", True), f"{path}[]")
