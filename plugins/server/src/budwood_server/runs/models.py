"""The models of the gateway for a run: names, allow-list, budget and limits of the key that pays, records of calls."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BudwoodError, ConfigurationError, RateLimitError, ServerError
from budwood_server.database import DatabaseError
from budwood_server.gateway.plan import resolve_allowed
from budwood_server.gateway.rates import CHARACTERS_PER_TOKEN, DEFAULT_OUTPUT, count_tokens
from budwood_server.limits import Refusal
from budwood_server.web.problems import ProblemError

if TYPE_CHECKING:
    from budwood import ChatResponse
    from budwood.types import Message, ModelDetails
    from budwood_server.access.keys import ApiKey
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.gateway.names import ResolvedModel
    from budwood_server.limits.keys import Grant
    from budwood_server.runs.payers import Payer
    from budwood_server.worker import Worker

RUN_TAG: Final = "run"
"""The dimension of telemetry that has the id of the run."""


class RunModels:
    """
    Sends the calls of a run. It satisfies `budwood_generation.ModelClient`.

    Args:
        worker: Has the configuration, which calls of now use, and counts limits.
        payer: The key that pays.
        key: The key as it is at the start, for `check`.
        run_id: The id of the run, for records of calls.
        label: The label of the calls.
    """

    def __init__(self, worker: Worker, payer: Payer, key: ApiKey, run_id: str, label: str) -> None:
        self._worker = worker
        self._payer = payer
        self._key = key
        self._options = {"label": label, "tags": {RUN_TAG: run_id}}

    def check(self, **options: Any) -> None:  # noqa: ANN401 - as in `budwood.Client.check`
        """Check that the key may use a model, and options of its calls."""
        configuration = self._worker.configuration
        resolved = _resolve(configuration, self._key, options.pop("model"))
        configuration.client.check(**{**options, "model": resolved.options["model"]})

    def model(self, model: str | None = None) -> ModelDetails:
        """Return what is known about a model; of several behind a name about the first."""
        configuration = self._worker.configuration
        return configuration.client.model(_resolve(configuration, self._key, model or "").options["model"])

    async def ask(self, prompt: list[Message], **options: Any) -> ChatResponse:  # noqa: ANN401 - as in `budwood.AsyncClient.ask`
        """
        Ask a model.

        Raises:
            ConfigurationError: The key may not use it any more, or was revoked. The run ends.
            RateLimitError: The key has used its requests or tokens of this minute. The run waits.
        """
        key = await self._find_key()
        configuration = self._worker.configuration
        configuration.begin()
        try:
            resolved = _resolve(configuration, key, options.pop("model"))
            client = configuration.client_for(key, resolved)
            grant = await self._reserve(key, prompt, options.get("max_tokens"))
            return await self._ask(grant, client, prompt, options | {"model": resolved.options["model"]})
        finally:
            await configuration.end()

    async def _find_key(self) -> ApiKey:
        try:
            return await self._payer.find()
        except DatabaseError as error:
            raise ServerError(error.message, hint=error.hint) from error  # a run waits for it

    async def _ask(self, grant: Grant, client: Any, prompt: list[Message], options: dict[str, Any]) -> ChatResponse:  # noqa: ANN401 - a view of the client
        limits = self._get_limits()
        try:
            response: ChatResponse = await client.ask(prompt, **options, **self._options)
        except BudwoodError:
            limits.settle(grant, 0)
            raise
        except BaseException:
            limits.settle(grant, None)
            raise
        limits.settle(grant, count_tokens(response))
        return response

    async def _reserve(self, key: ApiKey, prompt: list[Message], max_tokens: int | None) -> Grant:
        characters = sum(len(message.text) for message in prompt)
        tokens = characters // CHARACTERS_PER_TOKEN + (max_tokens or DEFAULT_OUTPUT)
        grant: Grant | Refusal = await self._get_limits().reserve(key, f"run-{uuid.uuid4().hex}", tokens)
        if not isinstance(grant, Refusal):
            return grant
        message = f"The key may use {grant.maximum:,} {grant.limit} per minute; {grant.remaining:,} are left."
        if grant.retry_after is None:
            raise ConfigurationError(message, hint="Ask the operator for a higher limit, or lower max_tokens.")
        raise RateLimitError(message, retry_after=grant.retry_after)

    def _get_limits(self) -> Any:  # noqa: ANN401 - `KeyLimits`
        assert self._worker.services is not None  # noqa: S101 - workers of runs have a database
        return self._worker.services.limits


def _resolve(configuration: Configuration, key: ApiKey, name: str) -> ResolvedModel:
    try:
        return resolve_allowed(configuration, key, name)
    except ProblemError as error:
        raise ConfigurationError(error.problem.message, hint=error.problem.hint) from None
