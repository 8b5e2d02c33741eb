"""Render conversations with chat templates."""

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
    Render a conversation with the chat template, up to the start of the reply, and return its tokens.

    Raises:
        UnsupportedError: There is no chat template, or it does not support tools.
        ConfigurationError: The template has a syntax error.
        InvalidRequestError: The template rejects the conversation, for example because of a system message.
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
            f"The chat template of {request.model} has a syntax error in line {error.lineno}: {error}.",
            hint="Set chat_template to a file with a valid template.",
        ) from error
    except TemplateError as error:
        raise InvalidRequestError(
            f"The chat template of {request.model} rejected this conversation: {error}.",
            param="messages",
            hint="Some templates do not accept system messages, or require alternating user and assistant messages.",
        ) from error
    except UnicodeEncodeError as error:
        raise PromptError(
            f"Cannot encode the conversation: {error}.",
            hint='Remove lone surrogates, for example with text.encode("utf-8", "replace").decode().',
        ) from error
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokens


def _check_template(tokenizer: Any, model: str, tools: list[dict[str, Any]]) -> None:  # noqa: ANN401 - as above
    if not tokenizer.chat_template:
        raise UnsupportedError(
            f"{model} has no chat template.",
            hint="Set chat_template to a file with one, or use a chat variant of the model (-Instruct, -Chat, -it).",
        )
    if tools and "tools" not in tokenizer.get_chat_template(tools=tools):
        raise UnsupportedError(
            f"The chat template of {model} does not support tools.",
            hint="Set chat_template to a file with one that does.",
        )


def messages_for_template(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages in the format of chat templates; each tool result becomes a message."""
    return [encoded for message in messages for encoded in _encode_message(message)]


def tools_for_template(request: ChatRequest) -> list[dict[str, Any]]:
    """Return the tools that the model may call. A template cannot force a call, but it can omit tools."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in _allowed_tools(request)
    ]


def _allowed_tools(request: ChatRequest) -> tuple[ToolDefinition, ...]:
    match request.tool_choice:
        case "none":
            return ()
        case NamedTool(name=name):
            return tuple(tool for tool in request.tools if tool.name == name)
        case _:
            return request.tools


def _encode_message(message: Message) -> Iterator[dict[str, Any]]:
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    for result in results:
        yield {"role": "tool", "tool_call_id": result.call_id, "name": result.name, "content": result.text}
    if not results:
        yield _encode_turn(message)


def _encode_turn(message: Message) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    content = "".join(part.text for part in message.parts if isinstance(part, TextPart | RefusalPart))
    encoded: dict[str, Any] = {"role": role, "content": content}
    if reasoning := "".join(part.text for part in message.parts if isinstance(part, ReasoningPart)):
        encoded["reasoning_content"] = reasoning
    if message.tool_calls:
        encoded["tool_calls"] = [_encode_call(call) for call in message.tool_calls]
    return encoded


def _encode_call(call: ToolCallPart) -> dict[str, Any]:
    arguments = from_json(call.json_arguments)  # templates expect an object
    return {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": arguments}}
