"""Structured output: ask for it in the best way that the model knows, validate, and have mistakes repaired."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic_core import to_json

from budwood.engine.chat.schemas import ReplySchema, SchemaMismatch
from budwood.engine.chat.tools import Toolbox, converse, messages_added
from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.lifecycle import Delivery
from budwood.errors import ConfigurationError, StructuredOutputError, UnsupportedError
from budwood.types import (
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

SchemaMode = Literal["auto", "native", "tool", "prompt"]
"""
How structured output is asked for: by the vendor's JSON schema, by a tool whose arguments are the output, or by words.
``auto`` takes the first of these that the model can.
"""

OUTPUT_TOOL = "return_output"


class StructuredRequest(NamedTuple):
    """A request that asks for structured output, and where in the reply it will be."""

    request: ChatRequest
    toolbox: Toolbox

    def has_output(self, response: ChatResponse) -> bool:
        """Tell whether the model called the output tool."""
        return any(wanted.name == self.toolbox.final for wanted in response.tool_calls)

    def output_of(self, response: ChatResponse) -> str:
        """Return the text that should be the JSON."""
        for wanted in response.tool_calls:
            if wanted.name == self.toolbox.final:
                return wanted.arguments
        return response.text

    def awaits_calls(self, response: ChatResponse) -> bool:
        """Tell whether tools come first, ours or those that the caller runs: the reply is no output yet."""
        runs = bool(self.toolbox.tools) or not self.toolbox.execute
        return runs and bool(response.tool_calls) and not self.has_output(response)

    def is_sound(self, response: ChatResponse, wanted: ReplySchema) -> bool:
        """Tell whether a reply holds the wanted output, or calls of tools that come first."""
        if self.awaits_calls(response):
            return True
        try:
            wanted.validate(self.output_of(response))
        except SchemaMismatch:
            return False
        return True


def prepare(
    call: Call, request: ChatRequest, toolbox: Toolbox, wanted: ReplySchema, mode: SchemaMode
) -> StructuredRequest:
    """
    Write into a request what output it wants.

    Raises:
        ConfigurationError: A tool has the name by which the output may be asked for.
        UnsupportedError: The mode was named, and the model cannot do it.
    """
    if OUTPUT_TOOL in toolbox.tools:
        raise ConfigurationError(
            f"With schema=, no tool can have the name {OUTPUT_TOOL!r}: models may give the output by it.",
            hint="Rename the function.",
        )
    capabilities = call.endpoint.capabilities(call.model)
    match mode if mode != "auto" else _best_mode(capabilities):
        case "native":
            _require(Capability.JSON_SCHEMA, call, "takes no JSON schema")
            return StructuredRequest(request.model_copy(update={"output_schema": wanted.schema}), toolbox)
        case "tool":
            _require(Capability.TOOLS, call, "calls no tools")
            return _by_tool(request, toolbox, wanted)
        case _:
            return StructuredRequest(_by_prompt(request, wanted), toolbox)


def _best_mode(capabilities: frozenset[Capability]) -> SchemaMode:
    if Capability.JSON_SCHEMA in capabilities:
        return "native"
    return "tool" if Capability.TOOLS in capabilities else "prompt"


def _require(capability: Capability, call: Call, lack: str) -> None:
    if capability not in call.endpoint.capabilities(call.model):
        raise UnsupportedError(f"{call.endpoint.name}/{call.model} {lack}.", hint='Leave schema_mode at "auto".')


def _by_tool(request: ChatRequest, toolbox: Toolbox, wanted: ReplySchema) -> StructuredRequest:
    tool = ToolDefinition(
        name=OUTPUT_TOOL,
        description="Call this once, with the final answer.",
        parameters=wanted.schema.json_schema,
        strict=wanted.schema.strict,
    )
    choice = "required" if request.tools else NamedTool(name=OUTPUT_TOOL)
    return StructuredRequest(
        request.model_copy(update={"tools": (*request.tools, tool), "tool_choice": choice}),
        toolbox._replace(final=OUTPUT_TOOL),
    )


def _by_prompt(request: ChatRequest, wanted: ReplySchema) -> ChatRequest:
    schema = to_json(wanted.schema.json_schema).decode()
    demand = f"Answer with one JSON value and nothing else. It must satisfy this JSON schema:\n{schema}"
    first, *rest = request.messages
    if first.role in ("system", "developer"):
        first = first.model_copy(update={"parts": (*first.parts, TextPart(text=f"\n\n{demand}"))})
        return request.model_copy(update={"messages": (first, *rest)})
    return request.model_copy(update={"messages": (Message.system(demand), *request.messages)})


def ask_structured(
    call: Call, structured: StructuredRequest, wanted: ReplySchema, delivery: Delivery
) -> Flow[ChatResponse]:
    """
    Ask, validate, and send back what is wrong, at most ``repairs`` times.

    Raises:
        StructuredOutputError: The last reply is still wrong, or the model refused.
    """
    request = structured.request
    usage: Usage | None = None
    for repair in range(call.options.repairs + 1):
        response = yield from converse(
            call, request, structured.toolbox, delivery, lambda reply: structured.is_sound(reply, wanted)
        )
        usage = response.usage if usage is None else usage + response.usage
        response = response.model_copy(update={"usage": usage})
        if structured.awaits_calls(response):
            return response  # calls that the caller runs come before the output
        text = structured.output_of(response)
        try:
            value = wanted.validate(text)
        except SchemaMismatch as mismatch:
            if repair == call.options.repairs or _is_final(response):
                raise _gave_up(response, text, mismatch, repair) from None
            from budwood.types import Restarted

            yield from delivery.announce([Restarted("the reply does not satisfy the schema")])
            request = request.model_copy(
                update={"messages": (*request.messages, *messages_added(response), _complaint(response, mismatch))}
            )
        else:
            return response.model_copy(update={"parsed": value, **_as_text(structured, response, text)})
    raise AssertionError("the loop above returns or raises")


def _is_final(response: ChatResponse) -> bool:
    """Asking again would not help: the model refused, or was cut off."""
    refused = any(isinstance(part, RefusalPart) for part in response.message.parts)
    return refused or response.finish_reason in ("length", "content_filter", "refusal")


def _gave_up(response: ChatResponse, text: str, mismatch: SchemaMismatch, repairs: int) -> StructuredOutputError:
    refusal = "".join(part.text for part in response.message.parts if isinstance(part, RefusalPart))
    if refusal or response.finish_reason == "refusal":
        return StructuredOutputError(
            f"The model refused: {refusal or text}", text=refusal or text, errors=(), response=response
        )
    hint = "Raise max_tokens=…." if response.finish_reason == "length" else "Raise repairs=…, or simplify the schema."
    what = "was cut off at max_tokens" if response.finish_reason == "length" else "does not satisfy the schema"
    after = f" after {repairs} repair{'s' if repairs > 1 else ''}" if repairs else ""
    return StructuredOutputError(
        f"The reply {what}{after}: {mismatch}.", text=text, errors=mismatch.errors, response=response, hint=hint
    )


def _complaint(response: ChatResponse, mismatch: SchemaMismatch) -> Message:
    text = "This does not satisfy the schema:\n" + "\n".join(f"- {error}" for error in mismatch.errors)
    text += "\nAnswer again, with the corrected JSON alone."
    if response.tool_calls:  # every call wants its answer
        results = [
            ToolResultPart(call_id=wanted.id, name=wanted.name, content=text, is_error=True)
            for wanted in response.tool_calls
        ]
        return Message.tool(*results)
    return Message.user(text)


def _as_text(structured: StructuredRequest, response: ChatResponse, text: str) -> dict[str, object]:
    """Keep the output in the conversation as text: a call of the output tool is our own device."""
    if not structured.has_output(response):
        return {}
    kept = (part for part in response.message.parts if not isinstance(part, TextPart | ToolCallPart))
    parts = (*kept, TextPart(text=text))
    message = response.message.model_copy(update={"parts": parts})
    return {"message": message, "messages": (*messages_added(response)[:-1], message), "finish_reason": "stop"}
