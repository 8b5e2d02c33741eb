"""The form in which a prompt is edited."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from pydantic import ValidationError

from budwood_prompts import Prompt, Variable
from budwood_server.page.forms import Form, FormErrors

TYPES: Final = (("text", "Text"), ("number", "Number"), ("boolean", "Boolean"), ("list", "List"))
ROLES: Final = (("system", "System"), ("user", "User"), ("assistant", "Assistant"))
REQUIRED: Final = (("", "If it has no default"), ("yes", "Yes"), ("no", "No"))

MAX_ROWS: Final = 150
"""The number of messages, and that of variables, that a form may have. A prompt may have fewer."""

_MESSAGE: Final = re.compile(r"Message (\d+) ")
_MESSAGE_FIELDS: Final = ("role", "content")
_VARIABLE_FIELDS: Final = ("name", "type", "required", "default", "description")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Editor:
    """
    The fields of the form.

    Attributes:
        name: The name of the prompt; ``description`` says what it is for.
        messages: The rows of messages, with ``role`` and ``content``.
        variables: The rows of variables.
    """

    name: str
    description: str
    messages: Sequence[Row]
    variables: Sequence[Row]

    @classmethod
    def of_prompt(cls, prompt: Prompt) -> Self:
        """Return the form for a prompt."""
        messages = [{"role": each.role, "content": each.content} for each in prompt.messages]
        variables = [
            {
                "name": name,
                "type": variable.type,
                "required": _format_required(variable),
                "default": format_value(variable.default),
                "description": variable.description,
            }
            for name, variable in prompt.variables.items()
        ]
        return cls(prompt.name, prompt.description, messages, variables)

    @classmethod
    def of_form(cls, form: Form) -> Self:
        """Return what was sent."""
        messages = [*_read_rows(form, "message", _MESSAGE_FIELDS)]
        return cls(
            form.text("name"), form.text("description"), messages, [*_read_rows(form, "variable", _VARIABLE_FIELDS)]
        )

    def with_row(self, kind: str) -> Self:
        """Return the form with an empty row of messages or variables at the end."""
        if kind == "message":
            return replace(self, messages=[*self.messages, {"role": "user", "content": ""}])
        return replace(self, variables=[*self.variables, dict.fromkeys(_VARIABLE_FIELDS, "") | {"type": "text"}])

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the prompt. Rows without content are left out."""
        return {
            "name": self.name,
            "description": self.description,
            "messages": [dict(self.messages[index]) for index in self._filled_messages()],
            "variables": {row["name"].strip(): _to_variable(row) for row in self.variables if row["name"].strip()},
        }

    def find_errors(self, error: ValidationError) -> FormErrors:
        """Return what is wrong, by the fields of the form."""
        fields: dict[str, str] = {}
        others: list[str] = []
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            text = each["msg"].removeprefix("Value error, ")
            message = f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
            place = self._find_field(each["loc"], text)
            if place is None:
                others.append(message)
            else:
                fields.setdefault(place, message)
        return FormErrors(fields, " ".join(others) or None)

    def find_repetitions(self) -> FormErrors:
        """Return the variables whose names others have already."""
        names = [row["name"].strip() for row in self.variables]
        repeated = [index for index, name in enumerate(names) if name and name in names[:index]]
        return FormErrors({f"variable-{index}-name": "There is a variable of this name above." for index in repeated})

    def _filled_messages(self) -> list[int]:
        return [index for index, row in enumerate(self.messages) if row["content"].strip()]

    def _find_field(self, place: Sequence[int | str], text: str) -> str | None:
        """Return the field of the form to which an error belongs; None for the form as a whole."""
        filled = self._filled_messages()
        if not place and (match := _MESSAGE.search(text)) and int(match[1]) <= len(filled):
            return f"message-{filled[int(match[1]) - 1]}-content"
        match list(place):
            case ["name" | "description" as name]:
                return str(name)
            case ["messages", int(index), *rest] if index < len(filled):
                return f"message-{filled[index]}-{rest[0] if rest else 'content'}"
            case ["variables", str(name), *rest]:
                rows = [index for index, row in enumerate(self.variables) if row["name"].strip() == name]
                field = rest[0] if rest and rest[0] in _VARIABLE_FIELDS else "default"
                return f"variable-{rows[0]}-{field}" if rows else None
            case ["variables"]:
                rows = [
                    index for index, row in enumerate(self.variables) if text.startswith(f"{row['name'].strip()!r} ")
                ]
                return f"variable-{rows[0]}-name" if rows else None
            case _:
                return None


def _format_required(variable: Variable) -> str:
    """Return the choice of a variable. A default that is empty has no text, but such a variable is optional."""
    if variable.required is None:
        return "no" if variable.default in ("", []) else ""
    return "yes" if variable.required else "no"


def format_value(value: object) -> str:
    """Return a value of a variable as the text of a field: a list has an item on each line."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "\n".join(format_value(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def parse_value(text: str, kind: str) -> object:
    """Return the value of a text; the text itself if it is none of this type, so that the check of the value fails."""
    stripped = text.strip()
    if kind == "text":
        return text.replace("\r\n", "\n")
    if kind == "list":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if kind == "boolean":
        return {"true": True, "false": False}.get(stripped.lower(), text)
    for convert in (int, float):
        try:
            return convert(stripped)
        except ValueError:
            continue
    return text


def _read_rows(form: Form, kind: str, names: Sequence[str]) -> list[dict[str, str]]:
    rows = []
    for index in range(MAX_ROWS):
        if f"{kind}-{index}-{names[0]}" not in form.values:
            break
        rows.append({name: form.secret(f"{kind}-{index}-{name}").replace("\r\n", "\n") for name in names})
    return rows


def _to_variable(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": row["type"] or "text", "description": row["description"].strip()}
    if row["default"].strip():
        fields["default"] = parse_value(row["default"], fields["type"])
    if row["required"]:
        fields["required"] = row["required"] == "yes"
    return fields
