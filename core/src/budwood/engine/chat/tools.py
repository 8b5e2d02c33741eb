"""The tool loop: the model requests calls, the functions run, and the model receives the results."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from budwood.engine.chat.functions import Approval, Tool, format_error, format_result, is_async
from budwood.engine.drivers.effects import All, Emit, Flow, Invoke, InvokeTimeout
from budwood.errors import ConfigurationError, ToolLoopError
from budwood.types import OUTPUT_TOOL, ChatResponse, Message, ResultContent, ToolCallPart, ToolResultPart, Usage

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call, Round
    from budwood.types import ChatRequest


class ToolConfig(NamedTuple):
    """
    The tools of one call of the user.

    Attributes:
        tools: The tools by name.
        execute: Whether tool calls are run; otherwise the reply with the calls is returned.
        approve: Called before each tool call.
    """

    tools: Mapping[str, Tool] = MappingProxyType({})
    execute: bool = True
    approve: Approval | None = None


def with_tools(answer: Callable[[Round], Flow[Any]]) -> Callable[[Round], Flow[Any]]:
    """
    Run the tools that the model calls, and ask again, until it answers without a tool call.

    The last reply is returned, with the messages of all rounds and the sum of their usage.

    Raises:
        ToolLoopError: The model still called tools after ``max_tool_rounds`` rounds.
    """

    def run(round_: Round) -> Flow[Any]:
        return _run_rounds(answer, round_, round_.tools) if round_.tools is not None else answer(round_)

    return run


def _run_rounds(answer: Callable[[Round], Flow[Any]], round_: Round, tools: ToolConfig) -> Flow[ChatResponse]:
    call, request = round_.call, round_.request
    added: list[Message] = []
    usage: Usage | None = None
    for number in range(call.options.max_tool_rounds + 1):
        response: ChatResponse = yield from answer(replace(round_, request=request, number=number))
        is_answer = not response.tool_calls or _has_output(response, round_) or _is_for_caller(response, tools)
        if is_answer and not added:
            return response
        usage = response.usage if usage is None else usage + response.usage
        added.append(response.message)
        response = response.model_copy(update={"messages": tuple(added), "usage": usage})
        if is_answer:
            return response
        if number == call.options.max_tool_rounds:
            raise ToolLoopError(
                f"The model still called tools after {number} rounds.",
                response=response,
                hint="Raise max_tool_rounds=…, or check the results of the tools.",
            )
        results: list[ToolResultPart] = yield All([_execute(call, part, tools) for part in response.tool_calls])
        if call.streamed:
            from budwood.types import ToolExecuted

            yield Emit([ToolExecuted(part, result) for part, result in zip(response.tool_calls, results, strict=True)])
        added.append(Message.tool(*results))
        request = request.model_copy(
            update={"messages": (*request.messages, *added[-2:]), "tool_choice": _next_tool_choice(request)}
        )
    raise AssertionError("the loop above returns or raises")


def list_added_messages(response: ChatResponse) -> tuple[Message, ...]:
    """Return the messages that a call added to the conversation; without tools that is only the reply."""
    return response.messages or (response.message,)


def _has_output(response: ChatResponse, round_: Round) -> bool:
    """Return whether the reply is structured output, returned by a call of the output tool."""
    return round_.output is not None and any(part.name == OUTPUT_TOOL for part in response.tool_calls)


def _is_for_caller(response: ChatResponse, tools: ToolConfig) -> bool:
    """Return whether a tool without a function is called: then the caller runs all calls of this reply."""
    called = (tools.tools.get(part.name) for part in response.tool_calls)
    return any(tool is not None and not tool.is_runnable for tool in called)


def _next_tool_choice(request: ChatRequest) -> object:
    """Return the tool choice of later rounds: a model that must call a tool in every round never answers."""
    return request.tool_choice if request.tool_choice in (None, "auto", "none") else "auto"


def _execute(call: Call, tool_call: ToolCallPart, tools: ToolConfig) -> Flow[ToolResultPart]:
    """
    Run one tool call. If it fails, the result is the error, for the model.

    Raises:
        RequestTimeoutError: The deadline of the call has passed.
    """
    started = call.clock.monotonic()
    result: ToolResultPart | None = None
    try:
        result = yield from _run_call(call, tool_call, tools)
    finally:
        if call.observers is not None:
            call.observers.finish_tool(call, tool_call, result, call.clock.monotonic() - started)
    call.seconds_left()
    return result


def _run_call(call: Call, tool_call: ToolCallPart, tools: ToolConfig) -> Flow[ToolResultPart]:
    tool = tools.tools.get(tool_call.name)
    if tool is None:
        known = ", ".join(tools.tools)
        return _make_result(tool_call, f"There is no tool {tool_call.name!r}. Available tools: {known}.", is_error=True)
    refusal = yield from _ask_approval(call, tool_call, tools.approve)
    if refusal is not None:
        return _make_result(tool_call, refusal, is_error=True)
    return (yield from _call_function(call, tool, tool_call))


def _call_function(call: Call, tool: Tool, tool_call: ToolCallPart) -> Flow[ToolResultPart]:
    timeout = call.seconds_left()
    function = (lambda: tool.call(tool_call)) if call.observers is None else _wrap_in_observers(call, tool, tool_call)
    try:
        answer = yield Invoke(function, awaitable=tool.awaitable, timeout=timeout)
        if not inspect.isawaitable(answer):
            return _make_result(tool_call, format_result(answer))
    except InvokeTimeout:
        raise call.deadline_error() from None
    except Exception as error:  # noqa: BLE001 - the model receives the error and can correct its call
        return _make_result(tool_call, format_error(error), is_error=True)
    raise _make_await_error(f"The tool {tool_call.name!r}", answer)


def _wrap_in_observers(call: Call, tool: Tool, tool_call: ToolCallPart) -> Callable[[], Any]:
    """Return a function that calls a tool inside the context managers of observers."""
    observers = call.observers
    if observers is None:
        return lambda: tool.call(tool_call)

    def run() -> object:
        with observers.around_tool(call, tool_call):
            return tool.call(tool_call)

    async def run_async() -> object:
        with observers.around_tool(call, tool_call):
            return await tool.call(tool_call)

    return run_async if tool.awaitable else run


def _ask_approval(call: Call, tool_call: ToolCallPart, approve: Approval | None) -> Flow[str | None]:
    """Ask for approval of a call; return None, or the reason against it. An error of ``approve`` rejects the call."""
    if approve is None:
        return None
    timeout = call.seconds_left()
    try:
        decision = yield Invoke(lambda: approve(tool_call), awaitable=is_async(approve), timeout=timeout)
    except InvokeTimeout:
        raise call.deadline_error() from None
    except Exception as error:  # noqa: BLE001 - the model receives the error, and the call does not run
        return f"This call was not allowed, because asking for approval failed: {format_error(error)}"
    if inspect.isawaitable(decision):
        raise _make_await_error("approve=", decision)
    if decision is True:
        return None
    return decision if isinstance(decision, str) else "The user did not allow this call."


def _make_await_error(what: str, result: Awaitable[object]) -> ConfigurationError:
    """Return the error for a plain function that returned a coroutine, which blocking code cannot await."""
    if inspect.iscoroutine(result):
        result.close()
    return ConfigurationError(
        f"{what} returned a {type(result).__name__}, and Client cannot await it.",
        hint="Use AsyncClient, or a plain function.",
    )


def _make_result(tool_call: ToolCallPart, content: ResultContent, *, is_error: bool = False) -> ToolResultPart:
    if isinstance(content, str):
        content = content.encode("utf-8", "replace").decode("utf-8")  # file names can contain unpaired surrogates
    return ToolResultPart(call_id=tool_call.id, name=tool_call.name, content=content, is_error=is_error)
