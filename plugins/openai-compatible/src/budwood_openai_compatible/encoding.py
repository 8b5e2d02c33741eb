"""
Encode messages, tools and schemas for Chat Completions.

Source: OpenAI's API description, ``CreateChatCompletionRequest``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from budwood.errors import UnsupportedError
from budwood.providing import DROPPED_CALL_FIELDS, fit_call_id, has_further_fields, reject_parts
from budwood.types import (
    Adaptation,
    AnyMedia,
    AudioPart,
    CacheLifetime,
    ChatRequest,
    MediaPart,
    Message,
    NamedTool,
    OutputSchema,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)
from budwood_openai_compatible.content import REASONING_DETAILS, REASONING_FIELDS, encode_reasoning_part
from budwood_openai_compatible.schemas import encode_strict_schema, schema_fields
from budwood_openai_compatible.tool_calls import encode_call

RETURNED_FIELDS: Final = frozenset({REASONING_DETAILS})
"""Fields of assistant messages that Budwood does not model and that servers require in the next request."""


class MessageDialect(NamedTuple):
    """
    The messages that a server accepts.

    Attributes:
        vendor: The receiving instance. Parts of other vendors are not sent.
        encode_media: Encodes media as a content part.
        system_role: The role of system and developer messages; None leaves it unchanged.
        image_results: Whether the server accepts media in the results of tools.
        cache_control: Whether the server accepts ``cache_control`` in content parts.
        extra_fields: Fields beyond OpenAI's that it accepts in messages from other sources; None for all fields.
        call_id_length: The length of tool call ids, which then consist of letters and digits; None for any ids.
        max_call_id_length: The maximum length of tool call ids; None for no limit.
        keeps_images: Whether the server takes back images that it returned.
        time: Returns seconds since 1970, to tell which audio the server still has.
    """

    vendor: str
    encode_media: Callable[[AnyMedia], dict[str, Any]]
    system_role: str | None = None
    image_results: bool = False
    cache_control: bool = False
    extra_fields: frozenset[str] | None = None
    call_id_length: int | None = None
    max_call_id_length: int | None = None
    keeps_images: bool = False
    time: Callable[[], float] = lambda: 0.0

    def fit_call_id(self, call_id: str) -> str:
        """Return an id of a tool call that the server accepts."""
        return fit_call_id(call_id, length=self.call_id_length, max_length=self.max_call_id_length)

    def choose_field(self, part: ReasoningPart) -> str | None:
        """
        Return the field for reasoning; None if it is not sent in a field.

        Reasoning of the server itself is sent in the field that it was received in. Reasoning from a dictionary of the
        caller is sent in another field if the server accepts only that.
        """
        if not isinstance(part.data, str) or part.provider not in (None, self.vendor):
            return None
        if part.provider == self.vendor or self.extra_fields is None or part.data in self.extra_fields:
            return part.data
        return next((name for name in REASONING_FIELDS if name in self.extra_fields), None)


def encode_messages(messages: Iterable[Message], dialect: MessageDialect) -> list[dict[str, Any]]:
    """
    Encode messages.

    Chat Completions accepts only text in the results of tools, and only text and its own audio in assistant messages.
    Other media are sent in a user message after them; `report_moved_media` reports that.

    Args:
        messages: A tool message becomes one message for each result.
        dialect: The messages that the server accepts.
    """
    image_results = dialect.image_results
    encoded: list[dict[str, Any]] = []
    moved: tuple[Part, ...] = ()
    for message in messages:
        if message.role == "tool":
            reject_parts(message, MediaPart, ToolCallPart)
            encoded += [_encode_result(result, dialect) for result in message.tool_results]
            moved = moved if image_results else (*moved, *_list_media(message))
            continue
        if moved:
            encoded.append({"role": "user", "content": _encode_content(moved, dialect)})
            moved = ()
        encoded.append(_encode_message(message, dialect))
        if message.role == "assistant" and not _is_text(message):
            moved = tuple(list_returned_media(message))
    return [*encoded, {"role": "user", "content": _encode_content(moved, dialect)}] if moved else encoded


def _list_media(message: Message) -> Iterator[Part]:
    """Return the media in results, after the name of each tool."""
    for result in message.tool_results:
        if result.media:
            yield TextPart(text=f"Returned by {result.name} ({result.call_id}):")
            yield from result.media


def list_returned_media(message: Message, *, except_of: str | None = None) -> Iterator[Part]:
    """
    Return the media other than audio of an assistant message, after a text that says so.

    Args:
        message: The message.
        except_of: The server that takes back the media that it returned itself; None if it does not.
    """
    media = [
        part
        for part in message.media
        if not isinstance(part, AudioPart) and (except_of is None or part.provider != except_of)
    ]
    if media and message.role == "assistant":
        yield TextPart(text="Returned by the assistant:")
        yield from media


def report_moved_media(messages: Iterable[Message], dialect: MessageDialect) -> tuple[Adaptation, ...]:
    """Return the adaptation for media that `encode_messages` sends elsewhere, if there are any."""
    reasons = []
    for message in messages:
        if message.role == "tool" and not dialect.image_results and any(part.media for part in message.tool_results):
            reasons.append("media in the result of a tool are sent in a user message after it")
        elif message.role == "assistant" and len(message.parts) > len(message.tool_calls):
            own = dialect.vendor if dialect.keeps_images else None
            if any(True for _ in list_returned_media(message, except_of=own)):
                reasons.append("images that an assistant returned are sent in a user message after it")
            if any(isinstance(part, AudioPart) and not _stands(part, dialect) for part in message.parts):
                reasons.append("audio that another server returned, or that has expired, is sent as its transcript")
    text = "; ".join(dict.fromkeys(reasons))
    return (Adaptation(parameter="messages", action="changed", reason=text),) if text else ()


def _stands(part: AudioPart, dialect: MessageDialect) -> bool:
    from budwood_openai_compatible.chat_media import is_returned_audio

    return is_returned_audio(part, dialect.vendor, dialect.time())


def report_changed_replies(replies: Sequence[Message], dialect: MessageDialect) -> tuple[Adaptation, ...]:
    """Return the adaptations for content of assistant and tool messages that is not sent as it was received."""
    return (
        *report_moved_media(replies, dialect),
        *report_dropped_reasoning(replies, dialect),
        *_report_dropped_call_fields(replies, dialect),
    )


def report_dropped_reasoning(messages: Iterable[Message], dialect: MessageDialect) -> tuple[Adaptation, ...]:
    """Return the adaptation for reasoning in dictionaries of the caller that the server does not accept, if any."""
    if dialect.extra_fields is None:
        return ()
    parts = (part for message in messages for part in message.parts if isinstance(part, ReasoningPart))
    from_caller = (part for part in parts if isinstance(part.data, str) and part.provider is None)
    if all(dialect.choose_field(part) for part in from_caller):
        return ()
    return (Adaptation(parameter="messages", action="changed", reason="the server accepts no reasoning in messages"),)


def _report_dropped_call_fields(messages: Iterable[Message], dialect: MessageDialect) -> tuple[Adaptation, ...]:
    """Return the adaptation for further fields of calls in dictionaries of the caller, if the server rejects them."""
    calls = (call for message in messages if message.role == "assistant" for call in message.tool_calls)
    if dialect.extra_fields is None or not any(map(has_further_fields, calls)):
        return ()
    return (Adaptation(parameter="messages", action="changed", reason=DROPPED_CALL_FIELDS),)


def _encode_result(result: ToolResultPart, dialect: MessageDialect) -> dict[str, Any]:
    content: str | list[Any] = result.text
    if result.media:
        content = content or f"The result is the {result.media[0].type} below."
        if dialect.image_results:
            content = _encode_content(result.parts, dialect)
    if dialect.cache_control and result.cache and isinstance(content, str):
        content = [_add_cache_control({"type": "text", "text": content}, result.cache)]
    return {"role": "tool", "tool_call_id": dialect.fit_call_id(result.call_id), "content": content}


def _encode_message(message: Message, dialect: MessageDialect) -> dict[str, Any]:
    match message.role:
        case "assistant":
            reject_parts(message, ToolResultPart)
            encoded = _encode_assistant(message, dialect)
        case "system" | "developer":
            reject_parts(message, MediaPart, ToolCallPart, ToolResultPart)
            encoded = {"role": dialect.system_role or message.role, "content": message.text}
        case _:
            encoded = {"role": "user", "content": _encode_content(message.parts, dialect)}
    if dialect.cache_control and any(isinstance(part, TextPart | MediaPart) and part.cache for part in message.parts):
        encoded["content"] = [*_encode_marked_parts(message.parts, dialect)]
    if message.name:
        encoded["name"] = message.name
    return encoded


def _is_text(message: Message) -> bool:
    """Return whether a message has one part, a text, which is the usual case."""
    return len(message.parts) == 1 and type(message.parts[0]) is TextPart


def _encode_assistant(message: Message, dialect: MessageDialect) -> dict[str, Any]:
    encoded: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if encoded["content"] and len(message.parts) == 1:
        return encoded
    encoded |= _encode_audio(message, dialect)
    refusal = "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
    if refusal:
        encoded["refusal"] = refusal
    if message.tool_calls:
        encoded["tool_calls"] = [_encode_call(call, dialect) for call in message.tool_calls]
    elif encoded["content"] is None and not refusal and "audio" not in encoded:
        encoded["content"] = ""  # null is valid only beside tool calls
    return encoded | _encode_returned_fields(message, dialect)


def _encode_audio(message: Message, dialect: MessageDialect) -> dict[str, Any]:
    """Encode audio that the server returned by its id, and other audio as its transcript."""
    audio = [part for part in message.parts if isinstance(part, AudioPart)]
    own = next((part for part in audio if _stands(part, dialect)), None)
    data = own.vendor_data if own is not None else None
    if isinstance(data, dict):
        return {"audio": {"id": data["id"]}}
    words = [part.transcript for part in audio if part.transcript]
    return {"content": "\n".join([*([message.text] if message.text else ()), *words])} if words else {}


def _encode_call(call: ToolCallPart, dialect: MessageDialect) -> dict[str, Any]:
    accepts_data = call.provider == dialect.vendor or (call.provider is None and dialect.extra_fields is None)
    return encode_call(call, dialect.fit_call_id(call.id), with_data=accepts_data)


def _encode_returned_fields(message: Message, dialect: MessageDialect) -> dict[str, Any]:
    """Encode fields that the server requires back. In streams they are received in several parts."""
    returned: dict[str, Any] = {}
    for part in message.parts:
        if isinstance(part, VendorPart) and part.provider == dialect.vendor and part.kind in RETURNED_FIELDS:
            if isinstance(part.data, list):
                returned[part.kind] = [*returned.get(part.kind, ()), *part.data]
            else:
                returned[part.kind] = part.data
    return returned | _encode_reasoning(message, dialect, with_fields=REASONING_DETAILS not in returned)


def _encode_reasoning(message: Message, dialect: MessageDialect, *, with_fields: bool) -> dict[str, Any]:
    """Encode reasoning where it was received: in a field, or in a part of the content (Mistral)."""
    returned: dict[str, Any] = {}
    content: list[Any] = []
    for part in message.parts:
        if isinstance(part, TextPart) and part.text:
            content.append({"type": "text", "text": part.text})
        elif not isinstance(part, ReasoningPart):
            continue
        elif with_fields and (name := dialect.choose_field(part)):
            returned[name] = returned.get(name, "") + part.text
        elif part.provider == dialect.vendor and (encoded := encode_reasoning_part(part)):
            content.append(encoded)
    return returned | {"content": content} if any(part["type"] != "text" for part in content) else returned


def _encode_content(parts: tuple[Part, ...], dialect: MessageDialect) -> str | list[Any]:
    """Encode texts as one text, which every server accepts, and other content as a list."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if len(texts) < len(parts):
        vendor = dialect.vendor
        parts = tuple([part for part in parts if not isinstance(part, VendorPart) or part.provider == vendor])
        if len(texts) < len(parts):
            return [_encode_content_part(part, dialect) for part in parts]
    return "".join(texts)


def _encode_marked_parts(parts: Iterable[Part], dialect: MessageDialect) -> Iterator[Any]:
    """Encode content as a list, whose parts have their marks for prompt caching, as OpenRouter documents them."""
    for part in parts:
        if isinstance(part, TextPart | MediaPart):
            yield _add_cache_control(_encode_content_part(part, dialect), part.cache)
        elif isinstance(part, VendorPart) and part.provider == dialect.vendor and part.kind not in RETURNED_FIELDS:
            yield part.data


def _add_cache_control(encoded: dict[str, Any], cache: CacheLifetime | None) -> dict[str, Any]:
    if cache is None:
        return encoded
    return {**encoded, "cache_control": {"type": "ephemeral"} | ({} if cache == "default" else {"ttl": cache})}


def _encode_content_part(part: Part, dialect: MessageDialect) -> Any:  # noqa: ANN401 - a vendor's own part may be any JSON
    match part:
        case VendorPart():
            return part.data
        case TextPart():
            return {"type": "text", "text": part.text}
        case MediaPart():
            return dialect.encode_media(part)
        case _:
            raise UnsupportedError(f"A user message cannot contain a part of the type {part.type!r}.")


def encode_tools(request: ChatRequest, *, vendor: str, with_choice: bool) -> dict[str, Any]:
    """Encode the tools of a request and the tool choice; empty if there are no tools."""
    tools = [*map(_encode_tool, request.tools), *list_own_tools(request, vendor)]
    if not tools:
        return {}
    encoded: dict[str, Any] = {"tools": tools}
    if request.tool_choice is not None and with_choice:
        encoded["tool_choice"] = (
            {"type": "function", "function": {"name": request.tool_choice.name}}
            if isinstance(request.tool_choice, NamedTool)
            else request.tool_choice
        )
    return encoded


def list_own_tools(request: ChatRequest, vendor: str) -> list[dict[str, Any]]:
    """Return the tools in the vendor's own form."""
    return [tool.data for tool in request.vendor_tools if tool.provider == vendor]


def report_foreign_tools(request: ChatRequest, vendor: str) -> tuple[Adaptation, ...]:
    """Return the adaptation for tools of other vendors, if there are any."""
    if not request.vendor_tools or len(list_own_tools(request, vendor)) == len(request.vendor_tools):
        return ()
    return (Adaptation(parameter="vendor_tools", action="dropped", reason="they are tools of another vendor"),)


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    if tool.strict:
        function["parameters"] = encode_strict_schema(tool.parameters) or tool.parameters
    return {"type": "function", "function": function | tool.extra}


def encode_output_schema(schema: OutputSchema) -> dict[str, Any]:
    """Encode the JSON schema of the output."""
    encoded: dict[str, Any] = {"name": schema.name, **schema_fields(schema)}
    if schema.description:
        encoded["description"] = schema.description
    return {"type": "json_schema", "json_schema": encoded}
