"""Structured output: request it in the best mode that the model supports, validate it, and have errors repaired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic_core import to_json

from budwood.engine.chat.schemas import ReplySchema, SchemaMismatch
from budwood.engine.chat.tools import ToolConfig, list_added_messages
from budwood.engine.drivers.effects import Emit, Flow
from budwood.errors import StructuredOutputError, UnsupportedError
from budwood.types import (
    OUTPUT_TOOL,
    Capability,
    ChatRequest,
    ChatResponse,
    Message,
    NamedTool,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    Usage,
)

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Round

SchemaMode = Literal["auto", "native", "tool", "prompt"]
"""
How structured output is requested: by a JSON schema that the vendor enforces, by a tool whose arguments are the output,
or in the prompt. ``auto`` uses the first of these that the model supports.
"""


class Output(NamedTuple):
    """
    The structured output that a reply must contain.

    Attributes:
        schema: The schema that it must satisfy.
        mode: How it is requested.
    """

    schema: ReplySchema
    mode: SchemaMode = "auto"

    def request_for(
        self, address: str, capabilities: frozenset[Capability], request: ChatRequest, *, is_first: bool
    ) -> ChatRequest:
        """
        Return the request with the structured output added, in the best mode that the model supports.

        Args:
            address: ``provider/model``, for errors.
            capabilities: The capabilities of the model.
            request: The request.
            is_first: Whether no tools have run yet. Afterwards, the model may answer without calling a tool.

        Raises:
            UnsupportedError: The model does not support the chosen mode.
        """
        mode = _choose_mode(capabilities) if self.mode == "auto" else self.mode
        if mode == "native":
            _require(Capability.JSON_SCHEMA, capabilities, f"{address} does not support JSON schemas")
            return request.model_copy(update={"output_schema": self.schema.schema})
        if mode == "tool":
            _require(Capability.TOOLS, capabilities, f"{address} does not support tools")
            return self._by_tool(request, is_first=is_first)
        return self._by_prompt(request)

    def _by_tool(self, request: ChatRequest, *, is_first: bool) -> ChatRequest:
        tool = ToolDefinition(
            name=OUTPUT_TOOL,
            description="Call this once, with the final answer.",
            parameters=self.schema.schema.json_schema,
            strict=self.schema.schema.strict,
        )
        choice = "required" if request.tools else NamedTool(name=OUTPUT_TOOL)
        return request.model_copy(
            update={"tools": (*request.tools, tool), "tool_choice": choice if is_first else "auto"}
        )

    def _by_prompt(self, request: ChatRequest) -> ChatRequest:
        schema = to_json(self.schema.schema.json_schema).decode()
        instruction = f"Answer with one JSON value and nothing else. It must satisfy this JSON schema:\n{schema}"
        first, *rest = request.messages
        if first.role in ("system", "developer"):
            first = first.model_copy(update={"parts": (*first.parts, TextPart(text=f"\n\n{instruction}"))})
            return request.model_copy(update={"messages": (first, *rest)})
        return request.model_copy(update={"messages": (Message.system(instruction), *request.messages)})


def _choose_mode(capabilities: frozenset[Capability]) -> SchemaMode:
    if Capability.JSON_SCHEMA in capabilities:
        return "native"
    return "tool" if Capability.TOOLS in capabilities else "prompt"


def _require(capability: Capability, capabilities: frozenset[Capability], problem: str) -> None:
    if capability not in capabilities:
        raise UnsupportedError(f"{problem}.", hint='Leave schema_mode at "auto".')


def with_output(answer: Callable[[Round], Flow[Any]]) -> Callable[[Round], Flow[Any]]:
    """
    Validate structured output, and ask again with the validation errors, at most ``repairs`` times.

    Raises:
        StructuredOutputError: The last reply is still invalid, or the model refused.
    """

    def run(round_: Round) -> Flow[Any]:
        return _validate(answer, round_, round_.output) if round_.output is not None else answer(round_)

    return run


def _validate(answer: Callable[[Round], Flow[Any]], round_: Round, output: Output) -> Flow[ChatResponse]:
    call, request = round_.call, round_.request
    usage: Usage | None = None
    for repair in range(call.options.repairs + 1):
        response: ChatResponse = yield from answer(
            replace(round_, request=request, is_valid=lambda reply: _is_valid(reply, round_.tools, output))
        )
        usage = response.usage if usage is None else usage + response.usage
        response = response.model_copy(update={"usage": usage})
        if _has_pending_calls(response, round_.tools):
            return response  # the caller runs these calls before the model returns the output
        text = _get_output_text(response)
        try:
            value = output.schema.validate(text)
        except SchemaMismatch as mismatch:
            if repair == call.options.repairs or _is_final(response):
                raise _make_error(response, text, mismatch, repair) from None
            if call.streamed:
                from budwood.types import Restarted

                call.partial = None  # the event says that it is void
                yield Emit([Restarted("the reply does not satisfy the schema")])
            messages = (*request.messages, *list_added_messages(response), _make_correction(response, mismatch))
            request = request.model_copy(update={"messages": messages})
        else:
            return response.model_copy(update={"parsed": value, **_replace_output_call(response, text)})
    raise AssertionError("the loop above returns or raises")


def _has_output_call(response: ChatResponse) -> bool:
    return any(tool_call.name == OUTPUT_TOOL for tool_call in response.tool_calls)


def _get_output_text(response: ChatResponse) -> str:
    """Return the text that must contain the JSON: the arguments of the output tool, or the text of the reply."""
    for tool_call in response.tool_calls:
        if tool_call.name == OUTPUT_TOOL:
            return tool_call.arguments
    return response.text


def _has_pending_calls(response: ChatResponse, tools: ToolConfig | None) -> bool:
    """Return whether other tools must run before the output: the reply is not the output yet."""
    runs = tools is not None and (bool(tools.tools) or not tools.execute)
    return runs and bool(response.tool_calls) and not _has_output_call(response)


def _is_valid(response: ChatResponse, tools: ToolConfig | None, output: Output) -> bool:
    """Return whether a reply contains valid output, or calls of other tools."""
    if _has_pending_calls(response, tools):
        return True
    try:
        output.schema.validate(_get_output_text(response))
    except SchemaMismatch:
        return False
    return True


def _is_final(response: ChatResponse) -> bool:
    """Return whether asking again would not help, because the model refused or the reply was truncated."""
    refused = any(isinstance(part, RefusalPart) for part in response.message.parts)
    return refused or response.finish_reason in ("length", "content_filter", "refusal")


def _make_error(response: ChatResponse, text: str, mismatch: SchemaMismatch, repairs: int) -> StructuredOutputError:
    refusal = "".join(part.text for part in response.message.parts if isinstance(part, RefusalPart))
    if refusal or response.finish_reason == "refusal":
        return StructuredOutputError(
            f"The model refused: {refusal or text}", text=refusal or text, errors=(), response=response
        )
    hint = "Raise max_tokens=…." if response.finish_reason == "length" else "Raise repairs=…, or simplify the schema."
    what = "was truncated at max_tokens" if response.finish_reason == "length" else "does not satisfy the schema"
    after = f" after {repairs} repair{'s' if repairs > 1 else ''}" if repairs else ""
    return StructuredOutputError(
        f"The reply {what}{after}: {mismatch}.", text=text, errors=mismatch.errors, response=response, hint=hint
    )


def _make_correction(response: ChatResponse, mismatch: SchemaMismatch) -> Message:
    text = "This does not satisfy the schema:\n" + "\n".join(f"- {error}" for error in mismatch.errors)
    text += "\nAnswer again, only with the corrected JSON."
    if response.tool_calls:  # vendors require a result for every call
        results = [
            ToolResultPart(call_id=tool_call.id, name=tool_call.name, content=text, is_error=True)
            for tool_call in response.tool_calls
        ]
        return Message.tool(*results)
    return Message.user(text)


def _replace_output_call(response: ChatResponse, text: str) -> dict[str, object]:
    """Store the output in the conversation as text, because the output tool is not one of the user's."""
    if not _has_output_call(response):
        return {}
    others = (part for part in response.message.parts if not isinstance(part, TextPart | ToolCallPart))
    parts = (*others, TextPart(text=text))
    message = response.message.model_copy(update={"parts": parts})
    return {"message": message, "messages": (*list_added_messages(response)[:-1], message), "finish_reason": "stop"}
