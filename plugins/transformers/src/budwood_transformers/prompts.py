"""Render conversations with chat templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from budwood.errors import ConfigurationError, InvalidRequestError, PromptError, UnsupportedError
from budwood.providing import list_media
from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)
from budwood_transformers.images import read_image
from budwood_transformers.sampling import template_options


@dataclass(frozen=True, slots=True)
class PromptEncoder:
    """A tokenizer with its chat template, and for a model that takes images, the processor that encodes both."""

    tokenizer: Any
    processor: Any | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens of a prompt, and what the processor has made of its images."""

    tokens: list[int]
    features: Any | None = None

    def tensors(self, device: Any, dtype: Any) -> dict[str, Any]:  # noqa: ANN401 - torch is not read by mypy
        """Return the tensors of the images by the names of the model's arguments, for its device and dtype."""
        return {} if self.features is None else dict(self.features.to(device=device, dtype=dtype))


def encode_prompt(encoder: PromptEncoder, request: ChatRequest) -> Prompt:
    """
    Render a conversation with the chat template, up to the start of the reply, and return its tokens and images.

    Raises:
        UnsupportedError: There is no chat template, or it does not support tools or images.
        ConfigurationError: The template has a syntax error.
        InvalidRequestError: The template or the processor rejects the conversation.
        PromptError: The text cannot be encoded, or an image cannot be decoded.
    """
    tokenizer, processor = encoder.tokenizer, encoder.processor
    messages = messages_for_template(request.messages, as_parts=processor is not None)
    text = _render(tokenizer, request, messages)
    # Templates of processors may leave the first token to the tokenizer; those of tokenizers may not.
    special = processor is not None and not (tokenizer.bos_token and text.startswith(tokenizer.bos_token))
    images = [part for part in list_media(request.messages) if isinstance(part, ImagePart)]
    if processor is None or not images:
        return Prompt(tokenizer(text, add_special_tokens=special)["input_ids"])
    if text == _render(tokenizer, request, [_without_images(message) for message in messages]):
        raise UnsupportedError(
            f"The chat template of {request.model} does not support images.",
            hint="Set chat_template to a file with one that does, or remove the setting.",
        )
    options = {"add_special_tokens": special, "return_tensors": "pt"}
    return _encode_images(processor, request.model, text, images, options)


def _encode_images(
    processor: Any,  # noqa: ANN401 - transformers is not read by mypy
    model: str,
    text: str,
    images: Sequence[ImagePart],
    options: dict[str, Any],
) -> Prompt:
    decoded = [read_image(part) for part in images]
    try:
        features = processor(text=[text], images=decoded, **options)
    except ValueError as error:
        raise InvalidRequestError(
            f"The processor of {model} rejected the conversation: {error}.",
            param="messages",
            hint="Remove placeholders of images from the text, and check the number of images.",
        ) from error
    features.pop("attention_mask", None)  # nothing is padded
    return Prompt(features.pop("input_ids")[0].tolist(), features)


def _render(tokenizer: Any, request: ChatRequest, messages: list[dict[str, Any]]) -> str:  # noqa: ANN401 - transformers is not read by mypy
    from jinja2 import TemplateError, TemplateSyntaxError

    tools = tools_for_template(request)
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
    return text


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


def messages_for_template(messages: Sequence[Message], *, as_parts: bool = False) -> list[dict[str, Any]]:
    """
    Return messages in the format of chat templates; each tool result becomes a message.

    Args:
        messages: The messages.
        as_parts: Whether contents are lists of texts and images, which templates of processors require, or texts.
    """
    encoded = [each for message in messages for each in _encode_message(message)]
    return encoded if as_parts else [_join_texts(each) for each in encoded]


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
        content = _encode_parts(result.parts)
        yield {"role": "tool", "tool_call_id": result.call_id, "name": result.name, "content": content}
    if not results:
        yield _encode_turn(message)


def _encode_turn(message: Message) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    encoded: dict[str, Any] = {"role": role, "content": _encode_parts(message.parts)}
    if reasoning := "".join(part.text for part in message.parts if isinstance(part, ReasoningPart)):
        encoded["reasoning_content"] = reasoning
    if message.tool_calls:
        encoded["tool_calls"] = [_encode_call(call) for call in message.tool_calls]
    return encoded


def _encode_parts(parts: Iterable[Part]) -> list[dict[str, str]]:
    encoded = []
    for part in parts:
        if isinstance(part, TextPart | RefusalPart):
            encoded.append({"type": "text", "text": part.text})
        elif isinstance(part, ImagePart):
            encoded.append({"type": "image"})
    return encoded


def _join_texts(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"content": "".join(part.get("text", "") for part in message["content"])}


def _without_images(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"content": [part for part in message["content"] if part["type"] != "image"]}


def _encode_call(call: ToolCallPart) -> dict[str, Any]:
    arguments = from_json(call.json_arguments)  # templates expect an object
    return {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": arguments}}
