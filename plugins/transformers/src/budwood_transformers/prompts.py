"""Conversations in the form that chat templates take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import from_json

from budwood.errors import ConfigurationError, InvalidRequestError, PromptError, UnsupportedError
from budwood.types import (
    ChatRequest,
    Message,
    NamedTool,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)
from budwood_transformers.sampling import template_options


def encode_prompt(tokenizer: Any, request: ChatRequest) -> list[int]:  # noqa: ANN401 - transformers is not read by mypy
    """
    Write a conversation by the tokenizer's chat template, up to where the model goes on, and return its tokens.

    Raises:
        UnsupportedError: There is no chat template, or it has no place for the tools.
        ConfigurationError: The template is broken.
        InvalidRequestError: The template refuses the conversation, as some do with system messages.
        PromptError: The text cannot be encoded.
    """
    from jinja2 import TemplateError, TemplateSyntaxError

    messages, tools = messages_for_template(request.messages), tools_for_template(request)
    _check_template(tokenizer, request.model, tools)
    try:
        text: str = tokenizer.apply_chat_template(
            messages, tools=tools or None, add_generation_prompt=True, tokenize=False, **template_options(request)
        )
        text.encode()
    except TemplateSyntaxError as error:
        raise ConfigurationError(
            f"The chat template of {request.model} is broken, in line {error.lineno}: {error}.",
            hint="Set chat_template to a file with a whole one.",
        ) from error
    except TemplateError as error:
        raise InvalidRequestError(
            f"The chat template of {request.model} refuses this conversation: {error}.",
            param="messages",
            hint="Some take no system message, or want user and assistant in turn.",
        ) from error
    except UnicodeEncodeError as error:
        raise PromptError(
            f"The conversation cannot be encoded: {error}.",
            hint='Unicode has no halves of characters; text.encode("utf-8", "replace") drops them.',
        ) from error
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokens


def _check_template(tokenizer: Any, model: str, tools: list[dict[str, Any]]) -> None:  # noqa: ANN401 - as above
    if not tokenizer.chat_template:
        raise UnsupportedError(
            f"{model} has no chat template: it was not made for conversations, or its tokenizer does not say how.",
            hint="Set chat_template to a file with one, or take the model's variant for chat (-Instruct, -Chat, -it).",
        )
    if tools and "tools" not in tokenizer.get_chat_template(tools=tools):
        raise UnsupportedError(
            f"The chat template of {model} has no place for tools.",
            hint="Set chat_template to a file with one that has.",
        )


def messages_for_template(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Write messages as templates read them: roles, texts, calls of tools, one message for each result of a tool."""
    return [written for message in messages for written in _written(message)]


def tools_for_template(request: ChatRequest) -> list[dict[str, Any]]:
    """Write the tools that the model may call; a template cannot make it call one, only leave others out."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in _offered(request)
    ]


def _offered(request: ChatRequest) -> tuple[ToolDefinition, ...]:
    match request.tool_choice:
        case "none":
            return ()
        case NamedTool(name=name):
            return tuple(tool for tool in request.tools if tool.name == name)
        case _:
            return request.tools


def _written(message: Message) -> Iterator[dict[str, Any]]:
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    for result in results:
        yield {"role": "tool", "tool_call_id": result.call_id, "name": result.name, "content": result.text}
    if not results:
        yield _spoken(message)


def _spoken(message: Message) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    content = "".join(part.text for part in message.parts if isinstance(part, TextPart | RefusalPart))
    written: dict[str, Any] = {"role": role, "content": content}
    if thought := "".join(part.text for part in message.parts if isinstance(part, ReasoningPart)):
        written["reasoning_content"] = thought
    if message.tool_calls:
        written["tool_calls"] = [_call(call) for call in message.tool_calls]
    return written


def _call(call: ToolCallPart) -> dict[str, Any]:
    arguments = from_json(call.json_arguments)  # templates read an object
    return {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": arguments}}
