"""Forms that browsers send, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from budwood.errors import BudwoodError
from budwood_server.api.errors import describe_error
from budwood_server.web.problems import Problem, ProblemError, reject, reject_size

REFUSED: Final = (ValidationError, ProblemError, BudwoodError)
"""What functions raise that do not accept a form: see `find_errors`."""

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_FIELDS: Final = 1000
_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """
    The fields of a form. White space around values is removed, except from secrets.

    Attributes:
        values: The values of each field, by its name.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """Return a field, without white space around it; empty if it was not sent."""
        return self.secret(name).strip()

    def optional(self, name: str) -> str | None:
        """Return a field; None if it is empty."""
        return self.text(name) or None

    def secret(self, name: str) -> str:
        """Return a field as it was sent, such as a password."""
        return (self.values.get(name) or ("",))[-1]

    def list(self, name: str) -> Sequence[str]:
        """Return all values of a field, such as checkboxes."""
        return self.values.get(name, ())

    def lines(self, name: str) -> Sequence[str]:
        """Return the lines of a field that are not empty; commas separate, too."""
        return [part.strip() for part in self.secret(name).replace(",", "\n").splitlines() if part.strip()]


async def read_form(request: Request) -> Form:
    """
    Read the form of a request. The body stays readable for what identifies the request.

    Raises:
        ProblemError: 400, 411, 413 or 415: it is not valid, has no length, is too large, or has another type.
    """
    if request.headers.get("content-type", _TYPE).partition(";")[0].strip().lower() != _TYPE:
        raise reject("The form has another type.", code="unsupported_type", status=415)
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise reject("The form has no length.", code="length_required", status=411)
    if int(length) > MAX_BYTES:
        raise reject_size("form", MAX_BYTES)
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise reject("The form is not valid.", code="invalid_form") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Form(values)


@dataclass(frozen=True, slots=True)
class FormErrors:
    """
    What is wrong with a form.

    Attributes:
        fields: The error of each field.
        form: An error of the form as a whole, or None.
        hint: What to do about it, or None.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    form: str | None = None
    hint: str | None = None

    def __bool__(self) -> bool:
        return bool(self.fields or self.form)

    @classmethod
    def of_validation(cls, error: ValidationError, names: Iterable[str]) -> FormErrors:
        """
        Return the errors of a model, none of which contains a value.

        Args:
            error: What pydantic raised.
            names: The fields of the form. Others are errors of the form as a whole.
        """
        known, others = set(names), []
        fields: dict[str, str] = {}
        for each in error.errors(include_url=False, include_input=False):
            message = _describe(each)
            name = next((str(part) for part in reversed(each["loc"]) if str(part) in known), None)
            if name is None:
                others.append(message)
            else:
                fields.setdefault(name, message)
        return cls(fields, " ".join(others) or None)

    @classmethod
    def of_problem(cls, problem: Problem, names: Iterable[str]) -> FormErrors:
        """Return the errors of a problem: of its field, if the form has it."""
        if problem.param in set(names):
            return cls({str(problem.param): f"{problem.message} {problem.hint or ''}".strip()})
        return cls(form=problem.message, hint=problem.hint)


def find_errors(error: Exception, names: Iterable[str]) -> tuple[FormErrors, int]:
    """
    Return what is wrong with a form that was not accepted, and the status of the reply that shows it.

    Args:
        error: Why it was not accepted.
        names: The fields of the form.

    Raises:
        Exception: The error, if it cannot be mended in the form.
    """
    if isinstance(error, ValidationError):
        return FormErrors.of_validation(error, names), 400
    problem = describe_error(error)
    if not is_of_form(ProblemError(problem)):
        raise error
    return FormErrors.of_problem(problem, names), problem.status


def is_of_form(error: ProblemError) -> bool:
    """Tell whether a problem can be mended in the form."""
    return error.problem.status in (400, 409, 413, 422, 429) or error.problem.param is not None


def _describe(error: ErrorDetails) -> str:
    """Return what is wrong with a field, for people, without its value."""
    minimum = error.get("ctx", {}).get("min_length")
    if error["type"] == "missing" or minimum == 1:
        return "This field is required."
    if minimum is not None:
        return f"It must have at least {minimum} characters."
    if error["type"] == "string_pattern_mismatch":
        return "It contains characters that are not allowed."
    text = error["msg"].removeprefix("Value error, ").replace("Input should be", "It must be").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
