"""Choose the endpoint for a round, and adapt the request to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.requests import request_for
from budwood.errors import StreamInterruptedError
from budwood.providing import has_media
from budwood.types import ChatRequest, ChatResponse


def with_failover(answer: Callable[[Round], Flow[Any]]) -> Callable[[Round], Flow[Any]]:
    """Ask the endpoints of the call's route one after the other; see `budwood.engine.routing.failover`."""

    def run(round_: Round) -> Flow[Any]:
        from budwood.engine.routing.failover import Failover  # only calls with several endpoints need it

        route = round_.call.route
        return answer(round_) if route is None else Failover(answer, round_, route).run()

    return run


def on_endpoint(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Round], Flow[Any]]:
    """Adapt the request of a round to the endpoint of the call, and send it there."""

    def run(round_: Round) -> Flow[Any]:
        is_chat = isinstance(round_.request, ChatRequest)
        if has_media(round_.request.messages) if is_chat else round_.service.has_media:
            from budwood.engine.pipeline.media import complete_media  # chat without media needs none

            yield from complete_media(round_)
        attempt = prepare(round_)
        try:
            response = yield from send(attempt)
        except StreamInterruptedError:
            _keep_adaptations(attempt)  # they belong to the partial reply in the error
            raise
        if attempt.adaptations or (isinstance(response, ChatResponse) and attempt.request.tools):
            return complete_reply(attempt, response)
        return response

    return run


def prepare(round_: Round) -> Attempt:
    """
    Return the request of a round, adapted to its endpoint.

    Raises:
        UnsupportedError: The endpoint or its model cannot take it.
    """
    endpoint, model = target = round_.target or round_.call.target
    attempt = Attempt(round_, endpoint, model, request_for(target, round_, is_complete=True))
    if round_.adaptations:
        attempt.adapt(round_.adaptations)
    if isinstance(attempt.request, ChatRequest) and len(attempt.request.messages) > 1:
        _answer_open_calls(attempt)
    return attempt


def complete_reply(attempt: Attempt, response: Any) -> Any:  # noqa: ANN401 - the reply of any service
    """Add the adaptations of a request to its call, and correct the names of tools in its reply."""
    if attempt.adaptations:
        _keep_adaptations(attempt)
    if isinstance(response, ChatResponse) and attempt.request.tools:
        from budwood.engine.chat.tool_names import correct_tool_names  # only tools need it

        return correct_tool_names(response, attempt.request.tools)
    return response


def _answer_open_calls(attempt: Attempt) -> None:
    if any(message.role == "assistant" and message.tool_calls for message in attempt.request.messages):
        from budwood.engine.chat.open_calls import ADAPTATION, answer_open_calls  # only histories with tools need it

        messages = answer_open_calls(attempt.request.messages)
        if messages is not None:
            attempt.adapt((ADAPTATION,))
            attempt.request = attempt.request.model_copy(update={"messages": messages})


def _keep_adaptations(attempt: Attempt) -> None:
    for parameter, adaptation in attempt.adaptations.items():
        attempt.round.call.adaptations.setdefault(parameter, adaptation)
