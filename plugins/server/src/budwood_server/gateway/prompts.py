"""The prompt that a request names: find it, and render it with the values of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import PromptError
from budwood_prompts.errors import PromptNotFoundError, RenderError, VariableError
from budwood_server.gateway.errors import describe
from budwood_server.gateway.request_options import FIELD
from budwood_server.web.problems import ProblemError, reject

if TYPE_CHECKING:
    from budwood.types import Message
    from budwood_prompts import Prompt
    from budwood_server.gateway.request_options import PromptName, PromptVariables
    from budwood_server.prompts.directory import PromptDirectory

QUICK_STEPS: Final = 2000
QUICK_OUTPUT: Final = 100_000
"""The bounds up to which a prompt is rendered in the event loop. That takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class PromptCall:
    """
    The prompt that a request names.

    Attributes:
        name: Its reference, such as ``greeting@production``.
        variables: The values of its variables.
        name_field: The field or header that names it, for errors.
        variables_field: The field with the values.
    """

    name: str
    variables: Mapping[str, Any]
    name_field: str
    variables_field: str


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """
    A prompt with the values of a request.

    Attributes:
        version: The version that was rendered, as ``name@number``.
        messages: Its messages.
    """

    version: str
    messages: Sequence[Message]

    def to_dicts(self) -> list[dict[str, str]]:
        """Return the messages in the form of Chat Completions."""
        return [{"role": message.role, "content": message.text} for message in self.messages]


def take_prompt(options: dict[str, Any]) -> PromptCall | None:
    """
    Take the prompt out of the options of a request; None if it names none.

    Raises:
        ProblemError: It has variables without a prompt.
    """
    name: PromptName | None = options.pop("prompt", None)
    variables: PromptVariables | None = options.pop("variables", None)
    if name is None:
        if variables is not None:
            raise reject(
                f"{variables.where} needs the name of a prompt.",
                param=variables.where,
                hint=f"Send {variables.where.removesuffix('variables')}prompt, or leave the variables out.",
            )
        return None
    if variables is not None:
        return PromptCall(name.name, variables.values, name.where, variables.where)
    prefix = name.where.removesuffix("prompt")
    return PromptCall(
        name.name, {}, name.where, f"{FIELD}.variables" if prefix == "x-budwood-" else f"{prefix}variables"
    )


async def render_prompt(directory: PromptDirectory, call: PromptCall) -> RenderedPrompt:
    """
    Return the messages of the prompt that a request names.

    Raises:
        ProblemError: 404: there is no such prompt, version or label; 400: the values do not fit.
        DatabaseError: The prompt is not in memory, and the database cannot be used.
    """
    try:
        found = await directory.find(call.name)
        messages = await _render(found.prompt, call.variables)
    except PromptNotFoundError as error:
        problem = replace(describe(error), param=call.name_field, hint=await directory.suggest(call.name) or error.hint)
        raise ProblemError(problem) from None
    except VariableError as error:
        raise ProblemError(replace(describe(error), param=f"{call.variables_field}.{error.variable}")) from None
    except RenderError as error:
        raise ProblemError(replace(describe(error), param=call.variables_field)) from None
    except PromptError as error:
        raise ProblemError(replace(describe(error), param=call.name_field)) from None
    return RenderedPrompt(f"{found.prompt.name}@{found.version}", messages)


async def _render(prompt: Prompt, variables: Mapping[str, Any]) -> Sequence[Message]:
    """Render a prompt; in a thread if that takes long."""
    try:
        return prompt.render(variables, max_output=QUICK_OUTPUT, max_steps=QUICK_STEPS)
    except RenderError:
        return await asyncio.to_thread(prompt.render, variables)
