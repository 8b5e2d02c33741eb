"""The root of the tree, and the errors of the user's program."""

from __future__ import annotations

TYPE_CHECKING = False  # `import typing` takes 8 ms, and every program imports this module.
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Literal

    from budwood.types import Attempt, ChatResponse, JobRef


class BudwoodError(Exception):
    """
    Base class of all errors of Budwood.

    Args:
        message: What happened, in one sentence.
        hint: What to do, in one sentence. Defaults to the hint of the class, if it has one.

    Attributes:
        job: The long job that the error is about, which the vendor may continue: ``client.job(error.job)``.
    """

    hint: str | None = None
    job: JobRef | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        if self.hint is None:
            return self.message
        end = "" if self.message.endswith((".", "!", "?", "…", ":")) else "."  # the messages of vendors often have none
        return f"{self.message}{end} {self.hint}"

    def __reduce__(self) -> tuple[Callable[..., BudwoodError], tuple[object, ...]]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[BudwoodError], args: tuple[object, ...], state: dict[str, object]) -> BudwoodError:
    """Restore an error from its pickled state, without calling its constructor."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(BudwoodError):
    """A setting, an argument or a file is not valid."""


class CredentialError(ConfigurationError):
    """A required key or token is missing or malformed. Nothing was sent."""


class UnsupportedError(BudwoodError):
    """
    The provider, model or plugin does not support the request. Nothing was sent.

    Attributes:
        param: The parameter that is not supported, the first if there are several; None if it is something else.
    """

    def __init__(self, message: str, *, hint: str | None = None, param: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.param = param


class PromptError(BudwoodError):
    """The prompt, a message or a file is not valid. Nothing was sent."""


class CacheMissError(BudwoodError):
    """The cache has no reply, and the call asked for one from the cache only. Nothing was sent."""


class StructuredOutputError(BudwoodError):
    """
    The last reply does not satisfy the schema, and no repairs are left.

    Attributes:
        text: The text of the last reply.
        errors: The validation errors.
        response: The last reply, with usage and attempts.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str,
        errors: Sequence[str],
        response: ChatResponse | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.text = text
        self.errors = tuple(errors)
        self.response = response


class ToolLoopError(BudwoodError):
    """
    The model still called tools after ``max_tool_rounds``.

    Attributes:
        response: The last reply, with the tool calls that were not executed.
    """

    def __init__(self, message: str, *, response: ChatResponse | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.response = response


class BudgetExceededError(BudwoodError):
    """
    A budget has no room for what the request could cost. The request was not sent.

    Attributes:
        budget: The name of the budget.
        left: What is left of it, in ``unit``.
        required: What the request could cost at most, in ``unit``; None if that is unknown.
        unit: ``"dollars"`` or ``"tokens"``.
        resets_at: When it is counted from zero again, in its time zone; None if it never is.
        param: The parameter because of which the highest cost is unknown, such as ``"tools"`` of ``extra``, or
            ``"model"``; None if it is known, or unknown because of something else.
        attempts: Every request of the call that was sent before, in order.
    """

    attempts: tuple[Attempt, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        budget: str,
        left: float,
        required: float | None,
        unit: Literal["dollars", "tokens"],
        hint: str | None = None,
        resets_at: datetime | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.param = param
        self.budget = budget
        self.left = left
        self.required = required
        self.unit = unit
        self.resets_at = resets_at
