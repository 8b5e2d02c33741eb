"""Reserve what an attempt could cost from the budgets of its call, and settle what it did cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from budwood.engine.accounting import costs
from budwood.engine.budgets.budget import Budget, to_nanodollars
from budwood.engine.budgets.client_budgets import limit_output
from budwood.engine.budgets.reservation import Reservation, Shortage, Used, read_left
from budwood.engine.budgets.worst_case import WorstCase, compute_worst_case
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.sending import encode_again
from budwood.errors import BudgetExceededError, ProviderError
from budwood.types import Answer, ChatRequest, ChatResponse, Cost, TranscriptionRequest

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call

NOTHING: Final[Used] = {"dollars": 0, "tokens": 0}
UNKNOWN: Final[Used] = {"dollars": None, "tokens": None}


def with_budgets(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """
    Reserve the highest cost of an attempt before it, and settle its real cost afterwards.

    An attempt that the vendor rejected with an error status, or that did not reach it, costs nothing. One whose cost is
    unknown keeps its reservation. Models inside the process cost nothing; nor do services that report no usage.

    Raises:
        BudgetExceededError: A budget has no room for the attempt, or its highest cost is not known. Nothing was sent.
    """

    def run(attempt: Attempt) -> Flow[Any]:
        call = attempt.round.call
        is_free = attempt.endpoint.local is not None or not issubclass(attempt.round.service.result, Answer)
        return send(attempt) if is_free or not call.budgets else _run(send, attempt, call)

    return run


def _run(send: Callable[[Attempt], Flow[Any]], attempt: Attempt, call: Call) -> Flow[Any]:
    if isinstance(attempt.request, ChatRequest):
        attempt.request = limit_output(call, attempt.target, attempt.request)
    worst_case = yield from _compute_worst_case(attempt)
    yield from _check_known(attempt, worst_case)
    reservation = _reserve(call, {budget: _amount(budget, worst_case) for budget in call.budgets})
    try:
        _check_taken((yield from reservation.take()), attempt)
        result = yield from send(attempt)
    except BaseException as error:
        yield from reservation.end(_used_by_failure(attempt, error))
        raise
    yield from reservation.end(used_by(attempt, result))
    return result


def check_room(attempt: Attempt) -> Flow[None]:
    """
    Check that the budgets of a call have room for a job. Nothing is reserved, since a job may outlast the process.

    Raises:
        BudgetExceededError: A budget has no room for the job, or its highest cost is not known.
    """
    call = attempt.round.call
    if isinstance(attempt.request, ChatRequest):
        worst_case = yield from _compute_worst_case(attempt)
    else:
        worst_case = WorstCase(0, Decimal(0), "the cost of such requests is not known")
    yield from _check_known(attempt, worst_case)
    reservation = _reserve(call, {budget: _amount(budget, worst_case) for budget in call.budgets})
    try:
        _check_taken((yield from reservation.take()), attempt)
    finally:
        yield from reservation.end(NOTHING)


def charge(call: Call, used: Used) -> Flow[None]:
    """Count what a job did cost that reserved nothing, although a budget may exceed its limit by it."""
    for budget in call.budgets:
        if not budget.is_lasting:
            budget.settle(0, used[budget.unit] or 0)
    reservation = _reserve(call, {budget: 0 for budget in call.budgets if budget.is_lasting})
    yield from reservation.take()
    yield from reservation.end(used)


def _reserve(call: Call, amounts: Mapping[Budget, int]) -> Reservation:
    ticket = f"{call.id}-{call.random.getrandbits(64):016x}"
    return Reservation(ticket, list(amounts.items()), call.find_limiter, call.clock.time())


def _compute_worst_case(attempt: Attempt) -> Flow[WorstCase]:
    call, endpoint, request = attempt.round.call, attempt.endpoint, attempt.request
    encoded = encode_again(attempt)
    counted: int | None = None
    if isinstance(request, ChatRequest) and call.counter.has_tokenizer(endpoint, request.model):
        counted = yield Invoke(lambda: call.counter.exact(endpoint, request))
    seconds: float | None = None
    if isinstance(request, TranscriptionRequest):
        from budwood.engine.pipeline.measuring import measure_seconds  # chat does not need it

        seconds = yield Invoke(lambda: measure_seconds(call.instances, request.audio))
    return compute_worst_case(
        request,
        body=encoded.body,
        counted=counted,
        seconds=seconds,
        rules=endpoint.rules(attempt.model),
        facts=endpoint.facts(attempt.model) if endpoint.facts is not None else None,
        adaptations=encoded.adaptations,
        moment=datetime.fromtimestamp(call.clock.time(), UTC),
    )


def _amount(budget: Budget, worst_case: WorstCase) -> int:
    return worst_case.tokens if budget.unit == "tokens" else to_nanodollars(worst_case.dollars)


def used_by(attempt: Attempt, result: Answer) -> Used:
    """Return what the budgets of a call count of a reply."""
    now = attempt.round.call.clock.time()
    return used_by_reply(result, costs.cost_of_reply(attempt.endpoint, attempt.model, result, now))


def used_by_reply(result: Answer, cost: Cost) -> Used:
    """Return what budgets count of a reply with a cost."""
    usage = result.usage
    tokens = usage.total_tokens
    if tokens is None and not isinstance(result, ChatResponse):  # it has no output
        tokens = usage.input_tokens
    return {"dollars": None if cost.dollars is None else to_nanodollars(cost.dollars), "tokens": tokens}


def _used_by_failure(attempt: Attempt, error: BaseException) -> Used:
    if not attempt.is_started or (attempt.head is not None and attempt.head.status >= 400):
        return NOTHING
    is_free = isinstance(error, ProviderError) and costs.cost_of_failure(error) is costs.FREE
    return NOTHING if is_free else UNKNOWN


def _check_taken(shortage: Shortage | None, attempt: Attempt) -> None:
    """
    Check that all budgets had room.

    Raises:
        BudgetExceededError: One had none.
    """
    if shortage is None:
        return
    budget, left, required = shortage
    end = budget.resets_at(attempt.round.call.clock.time())
    until = f" until {end:%Y-%m-%d %H:%M %Z}" if end is not None else ""
    limit = getattr(attempt.request, "max_tokens", None)
    lower = f"Lower max_tokens (now {limit:,}), shorten" if limit is not None else "Shorten"
    raise _exceeded(
        attempt,
        budget,
        f"The {budget.describe()} has {budget.format(left)} left of {budget.format(budget.limit)}{until}; this "
        f"request could {'use' if budget.unit == 'tokens' else 'cost'} up to {budget.format(required)}.",
        hint=f"{lower} the request, or raise the budget{', or wait until it resets' if budget.is_lasting else ''}.",
        left=left,
        required=required,
    )


def _check_known(attempt: Attempt, worst_case: WorstCase) -> Flow[None]:
    """
    Check that the highest cost of an attempt is known, unless ``unknown_price`` is ``"ignore"``.

    Raises:
        BudgetExceededError: It is not known.
    """
    call = attempt.round.call
    if call.options.unknown_price == "ignore":
        return
    for budget in call.budgets:
        no_price = worst_case.no_price if budget.unit == "dollars" else None
        reason = worst_case.unbounded or no_price
        if reason is None:
            continue
        left = max((yield from read_left(budget, call.find_limiter, call.clock.time())), 0)
        cure = _cure(attempt) if reason == no_price else "Leave it out"
        raise _exceeded(
            attempt,
            budget,
            f"The highest {'cost' if budget.unit == 'dollars' else 'number of tokens'} of this request is not known: "
            f"{reason}. So the {budget.describe()}, with {budget.format(left)} left, cannot be kept.",
            hint=f'{cure}, or pass unknown_price="ignore" to send such requests.',
            left=left,
            required=None,
            param=worst_case.parameter if reason != no_price else "model",
        )


def _cure(attempt: Attempt) -> str:
    return f'Set prices in [models."{attempt.target.address}"]' if attempt.model else "Name a model with known prices"


def _exceeded(
    attempt: Attempt,
    budget: Budget,
    message: str,
    *,
    hint: str,
    left: int,
    required: int | None,
    param: str | None = None,
) -> BudgetExceededError:
    error = BudgetExceededError(
        message,
        budget=budget.name,
        left=float(budget.to_decimal(left)),
        required=None if required is None else float(budget.to_decimal(required)),
        unit=budget.unit,
        hint=hint,
        resets_at=budget.resets_at(attempt.round.call.clock.time()),
        param=param,
    )
    error.attempts = tuple(attempt.round.call.attempts)
    return error
