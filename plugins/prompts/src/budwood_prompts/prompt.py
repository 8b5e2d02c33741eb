"""Prompts: messages with templates, and the variables that they declare."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from budwood.types import Message, TextPart
from budwood_prompts.errors import InvalidPromptError, RenderError, VariableError
from budwood_prompts.references import MAX_NAME, NAME_PATTERN
from budwood_prompts.templates import MAX_OUTPUT, MAX_STEPS, MAX_TEMPLATE, Meter
from budwood_prompts.values import Value, VariableType, check_value

if TYPE_CHECKING:
    from budwood_prompts.templates import Template

MAX_MESSAGES: Final = 50
MAX_VARIABLES: Final = 100

_VARIABLE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")
_RESERVED: Final = frozenset(
    "and as block call elif else endfor endif false filter for from if import in include is loop macro none not or "
    "raw self set true with without False None True".split()
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Variable(_Part):
    """
    A variable that templates use.

    Attributes:
        type: The type of its values.
        description: What it is for.
        default: The value if none is given.
        required: Whether a value must be given; by default if there is no default. An optional variable without a value
            is empty.
    """

    type: VariableType = "text"
    description: Annotated[str, Field(max_length=1000)] = ""
    default: JsonValue = None
    required: bool | None = None

    @model_validator(mode="after")
    def _check_default(self) -> Self:
        if self.default is not None:
            if self.required:
                raise ValueError("a required variable has no default")
            check_value(self.default, self.type)
        return self

    @property
    def is_required(self) -> bool:
        """Whether a value must be given."""
        return self.default is None if self.required is None else self.required


class PromptMessage(_Part):
    """
    A message of a prompt.

    Attributes:
        role: Who says it.
        content: A template.
    """

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(min_length=1)]


class Prompt(_Part):
    """
    A prompt: it is valid as soon as it exists, with templates that may be rendered.

    Attributes:
        name: The name by which it is used: lower-case letters, digits, and ``.``, ``_`` or ``-`` between them.
        description: What it is for.
        variables: The variables by name.
        messages: The messages.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN, max_length=MAX_NAME)]
    description: Annotated[str, Field(max_length=1000)] = ""
    variables: Annotated[dict[str, Variable], Field(max_length=MAX_VARIABLES)] = Field(default_factory=dict)
    messages: Annotated[tuple[PromptMessage, ...], Field(min_length=1, max_length=MAX_MESSAGES)]

    @field_validator("variables")
    @classmethod
    def _check_names(cls, variables: dict[str, Variable]) -> dict[str, Variable]:
        for name in variables:
            if not _VARIABLE.fullmatch(name) or name in _RESERVED:
                raise ValueError(f"{name!r} cannot be the name of a variable: use letters, digits and _")
        if sum(len(json.dumps(each.default, ensure_ascii=False)) for each in variables.values()) > MAX_TEMPLATE:
            raise ValueError(f"the defaults have together more than {MAX_TEMPLATE:,} characters")
        return variables

    @model_validator(mode="after")
    def _check_templates(self) -> Self:
        if sum(len(message.content) for message in self.messages) > MAX_TEMPLATE:
            raise ValueError(f"the templates have together more than {MAX_TEMPLATE:,} characters")
        try:
            self.templates  # noqa: B018 - it is parsed once, here
        except InvalidPromptError as error:
            raise ValueError(str(error)) from None
        return self

    @cached_property
    def templates(self) -> tuple[Template, ...]:
        """The parsed templates of the messages."""
        from budwood_prompts.templates import parse_template  # imports Jinja2

        types = {name: variable.type for name, variable in self.variables.items()}
        return tuple(
            parse_template(message.content, types, where=f"Message {number} ({message.role})")
            for number, message in enumerate(self.messages, start=1)
        )

    def render(
        self, values: Mapping[str, object], *, max_output: int = MAX_OUTPUT, max_steps: int = MAX_STEPS
    ) -> list[Message]:
        """
        Return the messages with the values of variables in them.

        Args:
            values: The values by name: texts, numbers, booleans, and lists of them.
            max_output: The maximum number of characters of all messages together.
            max_steps: The maximum number of steps; see `budwood_prompts.templates.MAX_STEPS`.

        Raises:
            VariableError: A value is missing, unknown, or of another type.
            RenderError: The output or the work exceeds its limit, or all messages are empty.
        """
        from budwood_prompts.templates.rendering import render_template  # imports Jinja2

        checked, meter = self.check_values(values), Meter(max_output, max_steps)
        texts = [render_template(template, checked, meter) for template in self.templates]
        messages = [
            Message(role=message.role, parts=(TextPart(text=text),))
            for message, text in zip(self.messages, texts, strict=True)
            if text.strip()
        ]
        if not messages:
            raise RenderError(f"Prompt {self.name!r} is empty with these values.", hint="Pass other values.")
        return messages

    def check_values(self, values: Mapping[str, object]) -> dict[str, Value]:
        """
        Return a value for each variable.

        Raises:
            VariableError: A value is missing, unknown, or of another type.
        """
        declared = ", ".join(self.variables) or "none"
        if unknown := sorted(map(str, values.keys() - self.variables.keys())):
            message = f"Prompt {self.name!r} has no variable {unknown[0]!r}."
            raise VariableError(message, variable=unknown[0], hint=f"Its variables: {declared}.")
        return {name: self._check_value(name, variable, values) for name, variable in self.variables.items()}

    def _check_value(self, name: str, variable: Variable, values: Mapping[str, object]) -> Value:
        value = values.get(name)
        if value is None:
            if variable.is_required:
                message = f"Prompt {self.name!r} needs the variable {name!r}."
                raise VariableError(message, variable=name, hint=f"Pass a {variable.type} for {name!r}.")
            value = variable.default
        try:
            return None if value is None else check_value(value, variable.type)
        except ValueError as error:
            raise VariableError(f"Prompt {self.name!r}: the variable {name!r} {error}.", variable=name) from None


def read_prompt(fields: Mapping[str, Any], *, where: str) -> Prompt:
    """
    Return the prompt that fields describe.

    Args:
        fields: The fields of `Prompt`.
        where: What the fields belong to, for errors.

    Raises:
        InvalidPromptError: They are not valid. The message names the first problem.
    """
    try:
        return Prompt.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise InvalidPromptError(f"{where}: {place + ': ' if place else ''}{problem}") from None
