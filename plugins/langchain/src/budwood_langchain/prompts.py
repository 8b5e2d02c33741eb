"""Prompts of Budwood as prompts of LangChain, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import (
    AIMessagePromptTemplate,
    ChatPromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    SystemMessagePromptTemplate,
)
from langchain_core.prompts.message import BaseMessagePromptTemplate

from budwood import AsyncChatSession, ChatSession, Message, Prompt, PromptError
from budwood.providing import PromptTemplate
from budwood.types import Part, TextPart, ToolResultPart
from budwood_langchain.blocks import make_block
from budwood_langchain.messages import PromptMessage, convert_messages
from budwood_langchain.replies import make_message

Session = ChatSession | AsyncChatSession

_TEMPLATES: Final = (
    (SystemMessage, SystemMessagePromptTemplate),
    (HumanMessage, HumanMessagePromptTemplate),
    (AIMessage, AIMessagePromptTemplate),
)
_DEVELOPER: Final = {"__openai_role__": "developer"}

_START, _END = "\ue000", "\ue001"  # of marks; they are characters for private use, which texts do not have
_MARK: Final = re.compile(f"{_START}(\\d+){_END}")
_NEEDS_VALUES: Final = "Pass the values of all placeholders."
_FORMS: Final = "Pass texts, messages of Budwood, or dictionaries in the form of Chat Completions."


def to_langchain_messages(prompt: Prompt | Session) -> list[BaseMessage]:
    """
    Return a prompt of Budwood, or the history of a conversation with its system prompt, as messages of LangChain.

    Raises:
        PromptError: A message has an unknown form.
    """
    return [converted for message in _list_messages(prompt) for converted in _to_langchain(message)]


def from_langchain_messages(messages: PromptValue | Sequence[BaseMessage]) -> list[PromptMessage]:
    """
    Return messages of LangChain as a prompt of Budwood, for `Client.ask` or as the ``messages`` of a conversation.

    Raises:
        PromptError: A message or its content has an unknown form.
    """
    return convert_messages(messages.to_messages() if isinstance(messages, PromptValue) else messages)


def to_chat_prompt_template(prompt: Prompt | Session) -> ChatPromptTemplate:
    """
    Return a prompt of Budwood as a template of LangChain.

    Texts may have placeholders such as ``{topic}``, as in datasets; a literal brace is written ``{{`` or ``}}``. The
    messages of a conversation have none: their braces are literal.

    Raises:
        PromptError: A message has an unknown form, or a placeholder whose name LangChain does not accept.
    """
    messages = to_langchain_messages(prompt)
    if isinstance(prompt, Session):
        return ChatPromptTemplate(messages)
    return ChatPromptTemplate([_make_template(message) for message in messages])


def from_chat_prompt_template(
    template: ChatPromptTemplate, values: Mapping[str, Any] | None = None
) -> list[PromptMessage]:
    """
    Return a template of LangChain as a prompt of Budwood.

    Args:
        template: The template.
        values: The values of its placeholders. Without them the texts keep the placeholders, as ``{topic}``; then the
            template has to be an f-string template, without a placeholder for messages.

    Raises:
        PromptError: A placeholder has no value, or cannot be kept.
    """
    if values is not None:
        missing = [name for name in template.input_variables if name not in values]
        if missing:
            raise PromptError(f"The placeholder {{{missing[0]}}} has no value.", hint="Pass one in values.")
        return from_langchain_messages(template.format_messages(**values))
    _check_kept(template)
    marks = {name: f"{_START}{number}{_END}" for number, name in enumerate(template.input_variables)}
    try:
        messages = template.format_messages(**marks)
    except ValueError:  # the format of a number or a date
        raise PromptError("A placeholder has a format.", hint=_NEEDS_VALUES) from None
    return from_langchain_messages([_restore(message, list(marks)) for message in messages])


# From Budwood to LangChain.


def _list_messages(prompt: Prompt | Session) -> Iterator[Message | Mapping[str, Any]]:
    if isinstance(prompt, Session):
        if prompt.system is not None:
            yield Message.system(prompt.system)
        yield from prompt.messages
    elif isinstance(prompt, str):
        yield Message.user(prompt)
    elif isinstance(prompt, Message):
        yield prompt
    else:
        yield from prompt


def _to_langchain(message: Message | Mapping[str, Any]) -> list[BaseMessage]:
    if not isinstance(message, Message):
        try:
            return convert_to_messages([dict(message)])
        except (TypeError, ValueError) as error:
            raise PromptError(f"A message has an unknown form: {type(error).__name__}.", hint=_FORMS) from None
    match message.role:
        case "assistant":
            converted: BaseMessage = make_message(message, {}, None)
            converted.name = message.name
        case "tool":
            return [_make_result(result) for result in message.tool_results]
        case "user":
            converted = HumanMessage(_make_content(message), name=message.name)
        case role:
            own = _DEVELOPER if role == "developer" else {}
            converted = SystemMessage(_make_content(message), name=message.name, additional_kwargs=own)
    return [converted]


def _make_content(message: Message) -> str | list[str | dict[str, Any]]:
    return _make_text(message.parts) if _is_text(message.parts) else _make_blocks(message.parts)


def _make_result(result: ToolResultPart) -> ToolMessage:
    content = result.content if isinstance(result.content, str) else _make_blocks(result.content)
    status = "error" if result.is_error else "success"
    return ToolMessage(content, tool_call_id=result.call_id, name=result.name, status=status)


def _is_text(parts: Sequence[Part]) -> bool:
    return all(isinstance(part, TextPart) for part in parts)


def _make_text(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _make_blocks(parts: Sequence[Part]) -> list[str | dict[str, Any]]:
    return [block for block in map(make_block, parts) if block is not None]


def _make_template(message: BaseMessage) -> BaseMessage | BaseMessagePromptTemplate:
    """Return a template for a message of text and media; other messages stay as they are."""
    kind = next((template for of, template in _TEMPLATES if isinstance(message, of)), None)
    if kind is None or (isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls)):
        return message
    if message.name is not None:
        raise PromptError("A message with a name cannot be a template of LangChain.", hint="Leave out the name.")
    if isinstance(message.content, str):
        content: Any = _check_text(message.content)
    else:
        content = [_make_block_template(block) for block in message.content]
    return kind.from_template(content, additional_kwargs=message.additional_kwargs)


def _make_block_template(block: str | dict[Any, Any]) -> str | dict[Any, Any]:
    if isinstance(block, str):
        return _check_text(block)
    if block.get("type") == "text":
        return {"type": "text", "text": _check_text(block["text"])}
    return {name: _escape_all(value) for name, value in block.items()}


def _check_text(text: str) -> str:
    """
    Return a text whose placeholders LangChain accepts.

    Raises:
        PromptError: One has another form.
    """
    try:
        names = PromptTemplate(text).names
    except ValueError as error:
        raise PromptError(f"Invalid placeholder: {error}", hint="Write {{ or }} for a literal brace.") from None
    for name in names:
        if not name.isidentifier():
            raise PromptError(
                f"LangChain does not accept the placeholder {{{name}}}.", hint="Use letters, digits and underscores."
            )
    return text


def _escape_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _escape_all(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_escape_all(inner) for inner in value]
    return _escape(value) if isinstance(value, str) else value


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


# From LangChain to Budwood, with placeholders: a template is filled with marks, which then become placeholders again.


def _check_kept(template: ChatPromptTemplate) -> None:
    """
    Check that placeholders can be kept.

    Raises:
        PromptError: One stands for messages, or the template is of another kind.
    """
    for message in template.messages:
        if isinstance(message, MessagesPlaceholder) and not message.optional:
            raise PromptError(f"The placeholder {message.variable_name!r} stands for messages.", hint=_NEEDS_VALUES)
        prompts = getattr(message, "prompt", ())
        for prompt in prompts if isinstance(prompts, list | tuple) else [prompts]:
            if getattr(prompt, "template_format", "f-string") != "f-string":
                raise PromptError(f"The template is a {prompt.template_format} template.", hint=_NEEDS_VALUES)


def _restore(message: BaseMessage, names: Sequence[str]) -> BaseMessage:
    """Return a message with placeholders in place of marks."""
    content = message.content
    if isinstance(content, str):
        return message.model_copy(update={"content": _restore_text(content, names)})
    return message.model_copy(update={"content": [_restore_block(block, names) for block in content]})


def _restore_block(block: str | dict[Any, Any], names: Sequence[str]) -> str | dict[Any, Any]:
    if isinstance(block, str):
        return _restore_text(block, names)
    if block.get("type") == "text":
        return {**block, "text": _restore_text(block["text"], names)}
    if _START in str(block):
        raise PromptError("A placeholder stands for media.", hint=_NEEDS_VALUES)
    return block


def _restore_text(text: str, names: Sequence[str]) -> str:
    return _MARK.sub(lambda mark: f"{{{names[int(mark[1])]}}}", _escape(text))
