"""The loop of tools: the model asks for calls, the functions run, the model reads the results."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from budwood import logs
from budwood.engine.chat.functions import Approval, Tool, format_error, format_result, is_async
from budwood.engine.drivers.effects import All, Flow, Invoke, Overdue
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.lifecycle import Delivery, Verdict, respond
from budwood.errors import ConfigurationError, ToolLoopError
from budwood.types import ChatRequest, ChatResponse, Message, ToolCallPart, ToolResultPart, Usage


class Toolbox(NamedTuple):
    """
    What may be called in one call of the user.

    Attributes:
        tools: Functions by name.
        execute: Whether they are run; otherwise the calls are the answer.
        approve: Asked before each call.
        final: The tool whose call is the answer itself; see `budwood.engine.chat.structured`.
    """

    tools: Mapping[str, Tool] = MappingProxyType({})
    execute: bool = True
    approve: Approval | None = None
    final: str | None = None


def converse(
    call: Call, request: ChatRequest, toolbox: Toolbox, delivery: Delivery, is_sound: Verdict = lambda _: True
) -> Flow[ChatResponse]:
    """
    Ask until the model answers without calling a tool.

    Returns:
        The last reply; its messages are all that were added, or none where it is all, its usage the sum of all rounds.

    Raises:
        ToolLoopError: It still called tools after ``max_tool_rounds`` rounds.
    """
    added: list[Message] = []
    usage: Usage | None = None
    for rounds in range(call.options.max_tool_rounds + 1):
        response = yield from respond(call, request, delivery, is_sound)
        if not added and not response.messages and not _must_execute(response, toolbox):
            return response  # nothing was added but itself
        usage = response.usage if usage is None else usage + response.usage
        added.append(response.message)
        response = response.model_copy(update={"messages": tuple(added), "usage": usage})
        if not _must_execute(response, toolbox):
            return response
        if rounds == call.options.max_tool_rounds:
            raise ToolLoopError(
                f"The model still called tools after {rounds} rounds of them.",
                response=response,
                hint="Raise max_tool_rounds=…, or look at the tools' answers.",
            )
        flows = [_execute(call, wanted, toolbox) for wanted in response.tool_calls]
        results: list[ToolResultPart] = yield All(flows)
        from budwood.types import ToolExecuted

        executed = zip(response.tool_calls, results, strict=True)
        yield from delivery.announce([ToolExecuted(wanted, result) for wanted, result in executed])
        added.append(Message.tool(*results))
        request = request.model_copy(
            update={"messages": (*request.messages, *added[-2:]), "tool_choice": _later_choice(request)}
        )
    raise AssertionError("the loop above returns or raises")


def messages_added(response: ChatResponse) -> tuple[Message, ...]:
    """Return the messages that a call added to the conversation, also where its reply is all of them."""
    return response.messages or (response.message,)


def _must_execute(response: ChatResponse, toolbox: Toolbox) -> bool:
    if not toolbox.execute or not toolbox.tools or not response.tool_calls:
        return False  # a call's own tools, sent by extra={"tools": …}, are not ours to run
    return all(wanted.name != toolbox.final for wanted in response.tool_calls)


def _later_choice(request: ChatRequest) -> object:
    """Let a model that was made to call a tool answer once it has, or it could never end."""
    return request.tool_choice if request.tool_choice in (None, "auto", "none") else "auto"


def _execute(call: Call, wanted: ToolCallPart, toolbox: Toolbox) -> Flow[ToolResultPart]:
    """
    Run one call; whatever goes wrong is told to the model.

    Raises:
        RequestTimeoutError: The call's time is over.
    """
    started = call.clock.monotonic()
    tool = toolbox.tools.get(wanted.name)
    refusal = None if tool is None else (yield from _refusal(call, wanted, toolbox.approve))
    if tool is None:
        result = _result(wanted, f"There is no tool {wanted.name!r}; there are {', '.join(toolbox.tools)}.", error=True)
    elif refusal is not None:
        result = _result(wanted, refusal, error=True)
    else:
        result = yield from _run(call, tool, wanted)
    logs.emit(
        "tool",
        call=call.id,
        name=wanted.name,
        failed=result.is_error,
        seconds=round(call.clock.monotonic() - started, 6),
        arguments=wanted.arguments,
        result=result.content,
    )
    call.seconds_left()
    return result


def _run(call: Call, tool: Tool, wanted: ToolCallPart) -> Flow[ToolResultPart]:
    left = call.seconds_left()
    try:
        answer = yield Invoke(lambda: tool.call(wanted), awaitable=tool.awaitable, timeout=left)
        if not inspect.isawaitable(answer):
            return _result(wanted, format_result(answer))
    except Overdue:
        raise call.overdue() from None
    except Exception as error:  # noqa: BLE001 - the model is told, and may do better
        return _result(wanted, format_error(error), error=True)
    raise _not_awaited(f"The tool {wanted.name!r}", answer)


def _refusal(call: Call, wanted: ToolCallPart, approve: Approval | None) -> Flow[str | None]:
    """Ask whether a call may run; return what to tell the model where it may not. What fails to approve refuses."""
    if approve is None:
        return None
    left = call.seconds_left()
    try:
        verdict = yield Invoke(lambda: approve(wanted), awaitable=is_async(approve), timeout=left)
    except Overdue:
        raise call.overdue() from None
    except Exception as error:  # noqa: BLE001 - the model is told, and the call does not run
        return f"This call was not allowed, since asking for leave failed: {format_error(error)}"
    if inspect.isawaitable(verdict):
        raise _not_awaited("approve=", verdict)
    if verdict is True:
        return None
    return verdict if isinstance(verdict, str) else "The user did not allow this call."


def _not_awaited(what: str, result: Awaitable[object]) -> ConfigurationError:
    """Say that blocking code got a coroutine from a plain function; async code has awaited it before."""
    if inspect.iscoroutine(result):
        result.close()
    return ConfigurationError(
        f"{what} returned a {type(result).__name__}, and Client cannot await it.",
        hint="Use AsyncClient, or a plain function.",
    )


def _result(wanted: ToolCallPart, content: str, *, error: bool = False) -> ToolResultPart:
    content = content.encode("utf-8", "replace").decode("utf-8")  # names of files may hold what no JSON can
    return ToolResultPart(call_id=wanted.id, name=wanted.name, content=content, is_error=error)
